-- As on SQLite, with the collation C for keys.

-- +goose Up
CREATE TABLE attempts (
	key   TEXT COLLATE "C" NOT NULL,
	id    TEXT COLLATE "C" NOT NULL,
	until BIGINT NOT NULL,
	PRIMARY KEY (key, id)
);
