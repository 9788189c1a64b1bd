-- When a user was last seen stays when their sessions end. The indexes sort the lists
-- of the administration, page by page.

-- +goose Up
ALTER TABLE users ADD COLUMN last_active BIGINT NOT NULL DEFAULT 0; -- 0: never
UPDATE users SET last_active = (SELECT COALESCE(MAX(t.at), 0) FROM (
	SELECT s.seen AS at FROM sessions s WHERE s.user_id = users.id
	UNION ALL SELECT e.at FROM events e WHERE e.user_id = users.id AND e.kind = 'sign-in') t);
CREATE INDEX users_last_active ON users (last_active, id);
CREATE INDEX sessions_seen ON sessions (seen, id);
CREATE INDEX sessions_created ON sessions (created, id);
