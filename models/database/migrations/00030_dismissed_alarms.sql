-- A browser that nobody has vouched for may dismiss an alarm on its own dashboard. The
-- other sessions of the user are still alarmed.

-- +goose Up
ALTER TABLE events ADD COLUMN dismissed_by TEXT NOT NULL DEFAULT ''; -- device, as in sessions
