-- As on SQLite, with the collation C for keys.

-- +goose Up
CREATE TABLE secrets (
	secret TEXT COLLATE "C" PRIMARY KEY,
	signs  BIGINT NOT NULL
);

CREATE TABLE installation (
	one      BIGINT PRIMARY KEY CHECK (one = 1),
	id       TEXT NOT NULL,
	moved_to TEXT NOT NULL DEFAULT ''
);
