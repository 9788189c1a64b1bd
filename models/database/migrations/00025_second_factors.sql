-- A session exists only after all factors. After the first of several there is a pending
-- sign-in, which opens the next step and nothing else.

-- +goose Up
ALTER TABLE users ADD COLUMN factors TEXT NOT NULL DEFAULT '';    -- empty: no second factor; else random, and another with each change of them
ALTER TABLE users ADD COLUMN factor_due BIGINT NOT NULL DEFAULT 0; -- when a second factor that is required has to be there; 0: it was never asked for
ALTER TABLE sessions ADD COLUMN method TEXT NOT NULL DEFAULT 'password'; -- how its user signed in
ALTER TABLE events ADD COLUMN detail TEXT NOT NULL DEFAULT '';    -- which one, or how

CREATE TABLE pending_sign_ins (
	id       TEXT PRIMARY KEY,                                      -- SHA-256 of what the cookie holds, never that itself
	user_id  TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	kind     TEXT NOT NULL,                                         -- what is owed
	method   TEXT NOT NULL,                                         -- the first factor
	state    TEXT NOT NULL,                                         -- hash of the password, the factors and the role the user had then
	next     TEXT NOT NULL,                                         -- the page to lead to
	form     TEXT NOT NULL,                                         -- one that continues after the sign-in, encrypted
	held     TEXT NOT NULL,                                         -- what the next step needs, encrypted
	mistyped BIGINT NOT NULL,                                       -- wrong passwords just before, in the same form
	tries    BIGINT NOT NULL,                                       -- wrong answers
	address  TEXT NOT NULL,
	browser  TEXT NOT NULL,
	expires  BIGINT NOT NULL
);
CREATE INDEX pending_sign_ins_user ON pending_sign_ins (user_id);
CREATE INDEX pending_sign_ins_expires ON pending_sign_ins (expires);
