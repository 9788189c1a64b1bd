-- The sequence counts the transactions. It is compared with a file beside the
-- database, so that a copy from before is known for one.

-- +goose Up
CREATE TABLE lineage (
	id       TEXT PRIMARY KEY, -- random; the one row is made when the program serves for the first time
	sequence BIGINT NOT NULL
);
