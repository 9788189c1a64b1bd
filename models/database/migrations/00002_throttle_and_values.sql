-- +goose Up
CREATE TABLE failures (
	key   TEXT PRIMARY KEY,   -- hash of an account, an address or a known browser
	count BIGINT NOT NULL,
	last  BIGINT NOT NULL
);
CREATE INDEX failures_last ON failures (last);

CREATE TABLE session_values (
	session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE ON UPDATE CASCADE,
	name       TEXT NOT NULL,
	value      TEXT NOT NULL,
	PRIMARY KEY (session_id, name)
);
