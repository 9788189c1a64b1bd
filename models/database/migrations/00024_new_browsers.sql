-- A sign-in with a browser that the account has not used before is an event that
-- alarms the user's other sessions. The browser is stored with it, as in sessions: its
-- own sessions are not alarmed, and can't answer the alarm.

-- +goose Up
ALTER TABLE events ADD COLUMN device TEXT NOT NULL DEFAULT '';
