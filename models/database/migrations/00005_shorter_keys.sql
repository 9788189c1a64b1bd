-- Sessions are kept under the first 130 bits of the hash of their ID: base32
-- writes them as the first 26 letters of what was kept before.

-- +goose Up
UPDATE sessions SET id = substr(id, 1, 26) WHERE length(id) > 26;
UPDATE session_payloads SET k = substr(k, 1, 26) WHERE length(k) > 26;
