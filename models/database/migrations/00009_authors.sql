-- Whose act an event was is kept by ID, so that the name of a user who was
-- removed stands in nobody else's events, and whoever takes that name later is
-- not taken for the author. Usernames don't change; a name that is no user's of
-- that time was a removed user's.

-- +goose Up
ALTER TABLE events ADD COLUMN author_id TEXT NOT NULL DEFAULT ''; -- who did it to the user: an ID or "command line"; empty: the user
UPDATE events SET author_id = CASE author WHEN 'command line' THEN author
	ELSE COALESCE((SELECT u.id FROM users u WHERE u.name = events.author AND u.created <= events.at), 'removed') END
	WHERE author <> '';
ALTER TABLE events DROP COLUMN author;
CREATE INDEX events_author ON events (author_id) WHERE author_id NOT IN ('', 'command line');

-- Pages that show an author are made anew when that user is removed or renamed.

-- +goose StatementBegin
CREATE TRIGGER users_authors_version_delete AFTER DELETE ON users BEGIN
	UPDATE users SET version = random() WHERE id IN (SELECT user_id FROM events WHERE author_id = OLD.id AND author_id NOT IN ('', 'command line'));
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER users_authors_version_update AFTER UPDATE OF name ON users BEGIN
	UPDATE users SET version = random() WHERE id IN (SELECT user_id FROM events WHERE author_id = OLD.id AND author_id NOT IN ('', 'command line'));
END;
-- +goose StatementEnd

-- A failed sign-in in a browser in which the account has signed in before, or in
-- a session of it, is most likely its owner's, and no reason to be alarmed.
ALTER TABLE events ADD COLUMN known BOOLEAN NOT NULL DEFAULT FALSE;

-- What of a user is searched: username and full name as the program folds them.
-- SQLite alone knows upper and lower case of ASCII only. The program fills it in
-- where it is empty, when it starts.
ALTER TABLE users ADD COLUMN search_key TEXT NOT NULL DEFAULT '';
CREATE INDEX users_without_search_key ON users (id) WHERE search_key = '';
