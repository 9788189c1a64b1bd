-- Passkeys: for a second factor, or alone for both.

-- +goose Up
ALTER TABLE users ADD COLUMN handle TEXT NOT NULL DEFAULT ''; -- what passkeys know the user by: random, and used for nothing else; empty: there was never one
CREATE UNIQUE INDEX users_handle ON users (handle) WHERE handle <> '';

CREATE TABLE passkeys (
	id         TEXT PRIMARY KEY,
	user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	name       TEXT NOT NULL,     -- what its user calls it
	domain     TEXT NOT NULL,     -- that it was made for
	credential TEXT NOT NULL,     -- its ID, base64url. Devices choose it, so it is unique per user alone
	record     TEXT NOT NULL,     -- the public key, and what else is needed to check an answer
	count      BIGINT NOT NULL,   -- of uses, as the device counts them; 0: it doesn't
	verified   BOOLEAN NOT NULL,  -- the device checked who uses it when the passkey was made
	synced     BOOLEAN NOT NULL,  -- it may be on several devices
	copied     BOOLEAN NOT NULL,  -- the count went back once
	added      BIGINT NOT NULL,
	used       BIGINT NOT NULL,
	UNIQUE (user_id, credential)
);

CREATE TABLE spent (
	key     TEXT PRIMARY KEY,  -- SHA-256 of something that counts once, such as a challenge
	expires BIGINT NOT NULL    -- when it would count no more anyway
);
CREATE INDEX spent_expires ON spent (expires);
