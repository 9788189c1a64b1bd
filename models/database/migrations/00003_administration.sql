-- +goose Up
ALTER TABLE events ADD COLUMN author TEXT NOT NULL DEFAULT ''; -- username of who did it to the user; empty: the user

CREATE TABLE links (
	key     TEXT PRIMARY KEY,   -- SHA-256 of the token in the link
	user_id TEXT NOT NULL UNIQUE REFERENCES users (id) ON DELETE CASCADE,
	expires BIGINT NOT NULL
);
CREATE INDEX users_created ON users (created, id);
CREATE INDEX events_kind_at ON events (kind, at);
