-- The theme of pages that a user has chosen, or nothing to follow the system.
-- Pages show it, so it changes the version of the user.

-- +goose Up
ALTER TABLE users ADD COLUMN theme TEXT NOT NULL DEFAULT '' CHECK (theme IN ('', 'light', 'dark'));

-- +goose StatementBegin
CREATE TRIGGER users_version_theme AFTER UPDATE OF theme ON users BEGIN
	UPDATE users SET version = random() WHERE id = NEW.id;
END;
-- +goose StatementEnd
