-- The names that users give to the devices they sign in on. A browser has an ID of its
-- own for each user, in its device cookie; its SHA-256 is stored, which signs nobody in.

-- +goose Up
ALTER TABLE sessions ADD COLUMN device TEXT NOT NULL DEFAULT '';

CREATE TABLE devices (
	user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	id      TEXT NOT NULL,
	name    TEXT NOT NULL,
	used    BIGINT NOT NULL, -- the latest sign-in
	PRIMARY KEY (user_id, id)
);
CREATE INDEX devices_used ON devices (used);
