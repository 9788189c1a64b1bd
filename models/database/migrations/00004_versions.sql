-- The version of a user is another number whenever anything changes that pages
-- show about that user, and never one that it was before, not even in a copy:
-- the user, the sessions, the values in them, and the rows of every table that
-- refers to users by a column user_id, for which the program makes the triggers
-- when it starts. So a page can be kept, and be known to be true still.

-- +goose Up
ALTER TABLE users ADD COLUMN version BIGINT NOT NULL DEFAULT 0;

-- +goose StatementBegin
CREATE TRIGGER users_version_update AFTER UPDATE OF name, name_key, full_name, role, disabled, password, created ON users BEGIN
	UPDATE users SET version = random() WHERE id = NEW.id;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER sessions_version_delete AFTER DELETE ON sessions WHEN OLD.expires > unixepoch() BEGIN -- one that has expired is shown nowhere
	UPDATE users SET version = random() WHERE id = OLD.user_id;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER session_values_version_insert AFTER INSERT ON session_values BEGIN
	UPDATE users SET version = random() WHERE id = (SELECT user_id FROM sessions WHERE id = NEW.session_id);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER session_values_version_update AFTER UPDATE ON session_values BEGIN
	UPDATE users SET version = random() WHERE id = (SELECT user_id FROM sessions WHERE id = NEW.session_id);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER session_values_version_delete AFTER DELETE ON session_values BEGIN
	UPDATE users SET version = random() WHERE id = (SELECT user_id FROM sessions WHERE id = OLD.session_id);
END;
-- +goose StatementEnd
