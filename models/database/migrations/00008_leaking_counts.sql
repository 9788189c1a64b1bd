-- A count of failed sign-ins gives one back every so often, instead of being
-- forgotten all at once: kept is when all of it will be given back.

-- +goose Up
ALTER TABLE failures ADD COLUMN forgiven BIGINT NOT NULL DEFAULT 0;
UPDATE failures SET forgiven = last + 3600 * CASE WHEN count > 30 THEN 30 ELSE count END;
ALTER TABLE failures DROP COLUMN count;
DROP INDEX failures_last;
CREATE INDEX failures_forgiven ON failures (forgiven);
