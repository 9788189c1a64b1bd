-- Programs from before 00025 know no second factor: they would open every account with the
-- password alone.

-- +goose Up
INSERT INTO settings (name, value) VALUES ('schema_needs', 25)
	ON CONFLICT (name) DO UPDATE SET value = CASE WHEN settings.value < excluded.value THEN excluded.value ELSE settings.value END;
