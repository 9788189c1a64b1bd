-- The sign-ins whose password is being checked, one row for each limit they count
-- towards, so that all processes on one database allow as many together as one alone. A
-- row that is left when it expires is of a process that was killed, or couldn't write
-- the outcome, and counts as a failure.

-- +goose Up
CREATE TABLE attempts (
	key   TEXT NOT NULL,   -- as in failures
	id    TEXT NOT NULL,   -- random, one for each attempt
	until BIGINT NOT NULL,
	PRIMARY KEY (key, id)
);
