-- The schema that the migrations up to this number make on SQLite, for PostgreSQL 13 and
-- later. What a column means is said there; a later migration is the same file for both,
-- unless this folder has another of the same name.
--
-- Text that is a key has the collation C: its order is then the same in every
-- installation, as on SQLite, and an upgrade of the system damages no index.

-- +goose Up
CREATE TABLE users (
	id          TEXT COLLATE "C" PRIMARY KEY,
	name        TEXT NOT NULL,
	name_key    TEXT COLLATE "C" NOT NULL UNIQUE,
	full_name   TEXT NOT NULL,
	role        TEXT NOT NULL CHECK (role IN ('member', 'admin')),
	disabled    BOOLEAN NOT NULL,
	password    TEXT NOT NULL,
	created     BIGINT NOT NULL,
	version     BIGINT NOT NULL DEFAULT 0,
	search_key  TEXT COLLATE "C" NOT NULL DEFAULT '',
	theme       TEXT NOT NULL DEFAULT '' CHECK (theme IN ('', 'light', 'dark')),
	last_active BIGINT NOT NULL DEFAULT 0
) WITH (fillfactor = 70); -- room for the next version in the same page
CREATE INDEX users_created ON users (created, id);
CREATE INDEX users_without_search_key ON users (id) WHERE search_key = '';
CREATE INDEX users_last_active ON users (last_active, id);

CREATE TABLE sessions (
	id      TEXT COLLATE "C" PRIMARY KEY,
	user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	signer  TEXT NOT NULL,
	address TEXT NOT NULL,
	browser TEXT NOT NULL,
	created BIGINT NOT NULL,
	seen    BIGINT NOT NULL,
	expires BIGINT NOT NULL,
	version TEXT NOT NULL DEFAULT '',
	device  TEXT NOT NULL DEFAULT ''
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expires ON sessions (expires);
CREATE INDEX sessions_seen ON sessions (seen, id);
CREATE INDEX sessions_created ON sessions (created, id);

CREATE TABLE session_payloads (
	k TEXT COLLATE "C" PRIMARY KEY,
	v BYTEA NOT NULL,
	e BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX session_payloads_expires ON session_payloads (e);

CREATE TABLE session_values (
	session_id TEXT COLLATE "C" NOT NULL REFERENCES sessions (id) ON DELETE CASCADE ON UPDATE CASCADE,
	name       TEXT COLLATE "C" NOT NULL,
	value      TEXT NOT NULL,
	PRIMARY KEY (session_id, name)
);

CREATE TABLE events (
	id        TEXT COLLATE "C" PRIMARY KEY,
	user_id   TEXT COLLATE "C" REFERENCES users (id) ON DELETE CASCADE,
	kind      TEXT NOT NULL,
	at        BIGINT NOT NULL,
	address   TEXT NOT NULL,
	browser   TEXT NOT NULL,
	author_id TEXT COLLATE "C" NOT NULL DEFAULT '',
	known     BOOLEAN NOT NULL DEFAULT FALSE,
	count     BIGINT NOT NULL DEFAULT 1
);
CREATE INDEX events_user ON events (user_id, id);
CREATE INDEX events_at ON events (at);
CREATE INDEX events_kind_at ON events (kind, at);
CREATE INDEX events_user_kind_at ON events (user_id, kind, at);
CREATE INDEX events_author ON events (author_id) WHERE author_id NOT IN ('', 'command line');
CREATE INDEX events_kind ON events (kind, id);
CREATE INDEX events_user_kind ON events (user_id, kind, id);

CREATE TABLE failures (
	key      TEXT COLLATE "C" PRIMARY KEY,
	last     BIGINT NOT NULL,
	forgiven BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX failures_forgiven ON failures (forgiven);

CREATE TABLE links (
	key       TEXT COLLATE "C" PRIMARY KEY,
	user_id   TEXT COLLATE "C" NOT NULL UNIQUE REFERENCES users (id) ON DELETE CASCADE,
	expires   BIGINT NOT NULL,
	author_id TEXT COLLATE "C" NOT NULL DEFAULT ''
);

CREATE TABLE settings (
	name  TEXT COLLATE "C" PRIMARY KEY,
	value BIGINT NOT NULL
);

CREATE TABLE devices (
	user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	id      TEXT COLLATE "C" NOT NULL,
	name    TEXT NOT NULL,
	used    BIGINT NOT NULL,
	PRIMARY KEY (user_id, id)
);
CREATE INDEX devices_used ON devices (used);

-- The version of a user is another number whenever anything changes that pages show
-- about that user. The triggers are those of statements: one that changes many rows
-- changes each user once, in order of their IDs, so that two of them don't wait for each
-- other in a circle. The program makes those of the tables with a column user_id when it
-- starts.

CREATE FUNCTION new_version() RETURNS BIGINT LANGUAGE sql VOLATILE AS $$ SELECT hashtextextended(gen_random_uuid()::text, 0) $$;

-- +goose StatementBegin
CREATE FUNCTION change_versions(users_changed TEXT[]) RETURNS VOID LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	PERFORM 1 FROM users WHERE id = ANY(users_changed) ORDER BY id FOR NO KEY UPDATE;
	UPDATE users SET version = new_version() WHERE id = ANY(users_changed);
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION users_changed() RETURNS TRIGGER LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	PERFORM change_versions(ARRAY(SELECT DISTINCT user_id FROM changed WHERE user_id IS NOT NULL));
	RETURN NULL;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION all_users_changed() RETURNS TRIGGER LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	PERFORM change_versions(ARRAY(SELECT id FROM users));
	RETURN NULL;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION user_changed() RETURNS TRIGGER LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	NEW.version := new_version();
	RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER users_version_update BEFORE UPDATE OF name, name_key, full_name, role, disabled, password, created, theme ON users
	FOR EACH ROW EXECUTE FUNCTION user_changed();

-- A session that has expired is shown nowhere. Other machines may take it for valid for
-- as long as their clocks differ.
-- +goose StatementBegin
CREATE FUNCTION sessions_deleted() RETURNS TRIGGER LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	PERFORM change_versions(ARRAY(SELECT DISTINCT user_id FROM changed WHERE expires > extract(epoch FROM clock_timestamp()) - 60));
	RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER sessions_version_delete AFTER DELETE ON sessions REFERENCING OLD TABLE AS changed
	FOR EACH STATEMENT EXECUTE FUNCTION sessions_deleted();

-- +goose StatementBegin
CREATE FUNCTION session_values_changed() RETURNS TRIGGER LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	PERFORM change_versions(ARRAY(SELECT DISTINCT s.user_id FROM changed c JOIN sessions s ON s.id = c.session_id));
	RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER session_values_version_insert AFTER INSERT ON session_values REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION session_values_changed();
CREATE TRIGGER session_values_version_update AFTER UPDATE ON session_values REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION session_values_changed();
CREATE TRIGGER session_values_version_delete AFTER DELETE ON session_values REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION session_values_changed();
CREATE TRIGGER session_values_version_truncate AFTER TRUNCATE ON session_values FOR EACH STATEMENT EXECUTE FUNCTION all_users_changed();

-- +goose StatementBegin
CREATE FUNCTION session_payloads_changed() RETURNS TRIGGER LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	PERFORM change_versions(ARRAY(SELECT DISTINCT s.user_id FROM changed c JOIN sessions s ON s.id = c.k));
	RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER session_payloads_version_insert AFTER INSERT ON session_payloads REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION session_payloads_changed();
CREATE TRIGGER session_payloads_version_update AFTER UPDATE ON session_payloads REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION session_payloads_changed();
CREATE TRIGGER session_payloads_version_delete AFTER DELETE ON session_payloads REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION session_payloads_changed();
CREATE TRIGGER session_payloads_version_truncate AFTER TRUNCATE ON session_payloads FOR EACH STATEMENT EXECUTE FUNCTION all_users_changed();

-- Pages that show an author are made anew when that user is removed or renamed.
-- +goose StatementBegin
CREATE FUNCTION author_changed() RETURNS TRIGGER LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	PERFORM change_versions(ARRAY(SELECT DISTINCT user_id FROM events WHERE author_id = OLD.id AND author_id NOT IN ('', 'command line') AND user_id IS NOT NULL));
	RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER users_authors_version_delete AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION author_changed();
CREATE TRIGGER users_authors_version_update AFTER UPDATE OF name ON users FOR EACH ROW EXECUTE FUNCTION author_changed();
