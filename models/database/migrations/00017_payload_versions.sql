-- What the session store keeps for a session is checked when the session is read, so it
-- changes the version of the user as well.

-- +goose Up

-- +goose StatementBegin
CREATE TRIGGER session_payloads_version_insert AFTER INSERT ON session_payloads BEGIN
	UPDATE users SET version = random() WHERE id = (SELECT user_id FROM sessions WHERE id = NEW.k);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER session_payloads_version_update AFTER UPDATE ON session_payloads BEGIN
	UPDATE users SET version = random() WHERE id = (SELECT user_id FROM sessions WHERE id = NEW.k);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER session_payloads_version_delete AFTER DELETE ON session_payloads BEGIN
	UPDATE users SET version = random() WHERE id = (SELECT user_id FROM sessions WHERE id = OLD.k);
END;
-- +goose StatementEnd
