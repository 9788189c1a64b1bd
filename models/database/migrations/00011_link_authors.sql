-- Who created a password link is stored with it: a link counts only while that
-- is the command line or an enabled administrator.

-- +goose Up
ALTER TABLE links ADD COLUMN author_id TEXT NOT NULL DEFAULT '';
UPDATE links SET author_id = COALESCE((SELECT e.author_id FROM events e
	WHERE e.user_id = links.user_id AND e.kind IN ('password link made', 'user invited') ORDER BY e.id DESC LIMIT 1), '');
