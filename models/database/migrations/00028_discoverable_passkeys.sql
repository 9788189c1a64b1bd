-- A passkey signs in without a username only if its device lists it by itself, which
-- browsers tell when it is made, and not all do.

-- +goose Up
ALTER TABLE passkeys ADD COLUMN discoverable TEXT NOT NULL DEFAULT ''; -- yes or no; empty: nobody knows
