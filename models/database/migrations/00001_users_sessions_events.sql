-- Times are Unix seconds, keys are made in Go, and every statement means the
-- same on SQLite and PostgreSQL. A released migration is never edited.

-- +goose Up
CREATE TABLE users (
	id        TEXT PRIMARY KEY,
	name      TEXT NOT NULL,                 -- as its owner writes it
	name_key  TEXT NOT NULL UNIQUE,          -- as it is compared: RFC 8265 UsernameCaseMapped
	full_name TEXT NOT NULL,
	role      TEXT NOT NULL CHECK (role IN ('member', 'admin')),
	disabled  BOOLEAN NOT NULL,
	password  TEXT NOT NULL,                 -- argon2id in PHC form
	created   BIGINT NOT NULL
);

CREATE TABLE sessions (
	id      TEXT PRIMARY KEY,                -- SHA-256 of what the cookie holds, never that itself
	user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	signer  TEXT NOT NULL,                   -- fingerprint of the secret that signed the cookie
	address TEXT NOT NULL,
	browser TEXT NOT NULL,
	created BIGINT NOT NULL,
	seen    BIGINT NOT NULL,
	expires BIGINT NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expires ON sessions (expires);

CREATE TABLE events (
	id      TEXT PRIMARY KEY,                -- UUIDv7: sorts as it happened
	user_id TEXT REFERENCES users (id) ON DELETE CASCADE, -- null: the username was nobody's
	kind    TEXT NOT NULL,
	at      BIGINT NOT NULL,
	address TEXT NOT NULL,
	browser TEXT NOT NULL
);
CREATE INDEX events_user ON events (user_id, id);
CREATE INDEX events_at ON events (at);
