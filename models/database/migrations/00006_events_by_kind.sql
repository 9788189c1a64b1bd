-- What is counted and compared of one user's events is found without a look at
-- anybody else's.

-- +goose Up
CREATE INDEX events_user_kind_at ON events (user_id, kind, at);
