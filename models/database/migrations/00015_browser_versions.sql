-- The version of a browser is stored beside its name: a browser that was updated is not
-- a new one.

-- +goose Up
ALTER TABLE sessions ADD COLUMN version TEXT NOT NULL DEFAULT '';
