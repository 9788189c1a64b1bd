package database

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// postgresLeast is the first version that has all that the schema uses: random UUIDs
// without an extension.
const postgresLeast = 13_00_00

// examine says what of a server's state, of its settings and of the schema may lose or
// hold up what this program writes.
func (db *postgresEngine) examine(ctx context.Context) []Finding {
	const about = "database"
	var is struct {
		Version, Sync, Pages, Commit, Standbys, Encoding, Checksums, Idle, Statement, Lock string
		Standby, Local, Encrypted                                                          bool
		Free, Schema, Long                                                                 int
	}
	err := db.SQL.GetContext(ctx, &is, `SELECT current_setting('server_version_num') AS version, current_setting('fsync') AS sync,
		current_setting('full_page_writes') AS pages, current_setting('synchronous_commit') AS commit,
		current_setting('synchronous_standby_names') AS standbys, current_setting('server_encoding') AS encoding, current_setting('data_checksums') AS checksums,
		current_setting('idle_in_transaction_session_timeout') AS idle, current_setting('statement_timeout') AS statement, current_setting('lock_timeout') AS lock,
		pg_is_in_recovery() AS standby, inet_server_addr() IS NULL OR host(inet_server_addr()) IN ('127.0.0.1', '::1') AS local,
		COALESCE((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), FALSE) AS encrypted,
		CAST(current_setting('max_connections') AS INTEGER) - (SELECT COUNT(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS free,
		(SELECT MAX(version_id) FROM goose_db_version) AS schema,
		(SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start < clock_timestamp() - INTERVAL '1 minute') AS long`)
	if err != nil {
		return []Finding{{Failed, about, explainPostgres(db.redacted, err).Error(), "see what the log of the server says"}}
	}
	found := []Finding{{OK, about, fmt.Sprintf("%s answers, schema version %d", db.redacted, is.Schema), ""}}
	when := func(wrong bool, level Level, about, says, fix string) {
		if wrong {
			found = append(found, Finding{level, about, says, fix})
		}
	}
	number, _ := strconv.Atoi(is.Version)
	when(number < postgresLeast, Failed, about, fmt.Sprintf("the server has version %d", number/10_000), "upgrade it: 13 is the oldest that works")
	when(is.Encoding != "UTF8", Failed, about, "its encoding is "+is.Encoding, "create a database with the encoding UTF8, and copy this one there")
	when(is.Standby, Failed, about, "the server is a standby", "name the primary, or all servers and target_session_attrs=read-write")

	const durability = "durability"
	settings := fmt.Sprintf("fsync=%s full_page_writes=%s synchronous_commit=%s", is.Sync, is.Pages, is.Commit)
	if is.Sync != "on" || is.Pages != "on" || is.Commit == "off" {
		when(true, Failed, durability, settings, "set all of them to on: else a crash revives sessions that have ended")
	} else {
		when(true, OK, durability, settings, "")
	}
	when(is.Standbys == "", Warning, durability, "no standby is synchronous", "with a standby, set synchronous_standby_names: a failover may else forget the last sign-outs")
	when(is.Checksums != "on", Warning, durability, "the data has no checksums", "turn them on with pg_checksums while the server is stopped")

	when(!is.Local && !is.Encrypted, Failed, "connection", "passwords' hashes travel unencrypted to the database", "add sslmode=verify-full to its URL")
	when(is.Free < 10, Warning, "connection", fmt.Sprintf("%d connections are left", is.Free), "raise max_connections")
	for name, value := range map[string]string{"idle_in_transaction_session_timeout": is.Idle, "statement_timeout": is.Statement, "lock_timeout": is.Lock} {
		when(value == "0", Warning, "connection", name+" is 0", "remove it from the URL, or set it with ALTER ROLE behind PgBouncer: a server that is cut off would hold its locks for ever")
	}
	when(is.Long > 0, Warning, "transactions", fmt.Sprintf("older than a minute: %d", is.Long), "see pg_stat_activity: they hold locks, and keep old rows from being removed")
	return append(found, db.examineTriggers(ctx), db.examineServers(ctx))
}

// examineTriggers says whether everything about a user changes the user's version.
func (db *postgresEngine) examineTriggers(ctx context.Context) Finding {
	const about = "versions"
	tables, err := db.userTables(ctx)
	if err != nil {
		return Finding{Failed, about, err.Error(), ""}
	}
	var enabled []string
	if err := db.SQL.SelectContext(ctx, &enabled, `SELECT g.tgname FROM pg_trigger g JOIN pg_class t ON t.oid = g.tgrelid
		WHERE g.tgenabled IN ('O', 'A') AND t.relnamespace = CAST(current_schema() AS TEXT)::regnamespace`); err != nil {
		return Finding{Failed, about, err.Error(), ""}
	}
	missing := []string{}
	need := func(name string) {
		if !slices.Contains(enabled, name) {
			missing = append(missing, name)
		}
	}
	need("users_version_update")
	for _, table := range append(tables, "session_values", PayloadTable) {
		for event := range versionTriggers {
			need(table + "_version_" + strings.ToLower(event))
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return Finding{Failed, about, "triggers are missing or disabled: " + strings.Join(missing, ", "), "enable them with: ALTER TABLE … ENABLE TRIGGER USER; until then pages may be out of date"}
	}
	return Finding{OK, about, fmt.Sprintf("the triggers of %d tables are there", len(tables)+3), ""}
}

// examineServers says which servers of this site are connected.
func (db *postgresEngine) examineServers(ctx context.Context) Finding {
	var names []string
	err := db.SQL.SelectContext(ctx, &names, `SELECT DISTINCT substr(application_name, length($1) + 1) AS name FROM pg_stat_activity
		WHERE datname = current_database() AND starts_with(application_name, $1) ORDER BY name`, serverPrefix)
	if err != nil {
		return Finding{Failed, "servers", err.Error(), ""}
	}
	if len(names) == 0 {
		return Finding{OK, "servers", "none is connected to the database", ""}
	}
	return Finding{OK, "servers", "connected to the database: " + strings.Join(names, ", "), ""}
}
