-- The secrets that sign cookies, where several machines share the database. A file
-- beside the database holds those of a single one.

-- +goose Up
CREATE TABLE secrets (
	secret TEXT PRIMARY KEY,
	signs  BIGINT NOT NULL -- from when: until then it only verifies, so that all machines know it first
);

-- Which installation this is, also after the database was copied elsewhere. Then
-- moved_to says where it went.
CREATE TABLE installation (
	one      BIGINT PRIMARY KEY CHECK (one = 1), -- there is one row
	id       TEXT NOT NULL,                      -- random
	moved_to TEXT NOT NULL DEFAULT ''
);
