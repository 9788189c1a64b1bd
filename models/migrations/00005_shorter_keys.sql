-- Sessions are kept under the first 160 bits of the hash of their ID: base32
-- writes them as the first 32 letters of what was kept before.

-- +goose Up
UPDATE sessions SET id = substr(id, 1, 32) WHERE length(id) > 32;
UPDATE session_payloads SET k = substr(k, 1, 32) WHERE length(k) > 32;
