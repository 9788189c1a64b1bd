-- An authenticator app of a user, and the recovery codes for when it is lost. Wrong codes
-- are counted per account, and apart from that per browser that the account knows.

-- +goose Up
CREATE TABLE authenticators (
	user_id TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
	seed    TEXT NOT NULL,     -- encrypted
	signer  TEXT NOT NULL,     -- fingerprint of the secret that its key is derived from
	step    BIGINT NOT NULL,   -- that of the latest code that was used: it and those before count no more
	added   BIGINT NOT NULL,
	used    BIGINT NOT NULL
);

CREATE TABLE code_failures (
	user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	device  TEXT NOT NULL,     -- hash of the browser's ID; empty: all that the account doesn't know
	count   BIGINT NOT NULL,   -- wrong codes in a row
	last    BIGINT NOT NULL,
	PRIMARY KEY (user_id, device)
);

CREATE TABLE recovery_codes (
	key     TEXT PRIMARY KEY,  -- SHA-256 of the code
	user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX recovery_codes_user ON recovery_codes (user_id);
ALTER TABLE users ADD COLUMN codes_made BIGINT NOT NULL DEFAULT 0;    -- when the recovery codes were made
ALTER TABLE users ADD COLUMN codes_checked BIGINT NOT NULL DEFAULT 0; -- when the user last showed to have them at hand
