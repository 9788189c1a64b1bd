package database

import (
	"errors"
	"net"
	"net/url"
	"strings"
	"testing"

	"daypass/models/database/databasetest"
)

// TestTheDoctorSaysWhatIsWrongWithPostgres, whose tests run without safety.
func TestTheDoctorSaysWhatIsWrongWithPostgres(t *testing.T) {
	t.Parallel()
	address := databasetest.NewPostgres(t)
	db, err := Open(t.Context(), address+"&lock_timeout=0")
	check(t, err)
	defer db.Close()
	check(t, db.CreateVersionTriggers(t.Context()))
	says := func(level Level, about, text string) {
		t.Helper()
		for _, finding := range db.Examine(t.Context()) {
			if finding.Level == level && finding.About == about && strings.Contains(finding.Found, text) {
				return
			}
		}
		t.Errorf("it does not say %s, %s: %s, but %q", level, about, text, db.Examine(t.Context()))
	}
	says(OK, "database", "schema version")
	says(Failed, "durability", "fsync=off")
	says(Warning, "durability", "no standby")
	says(Warning, "connection", "lock_timeout")
	says(OK, "versions", "are there")
	says(OK, "servers", "none is connected")
	server, err := OpenAs(t.Context(), address, "three")
	check(t, err)
	defer server.Close()
	says(OK, "servers", "connected to the database: three")
	_, err = db.SQL.Exec(`ALTER TABLE events DISABLE TRIGGER events_version_insert`)
	check(t, err)
	_, err = db.SQL.Exec(`DROP TRIGGER session_payloads_version_delete ON session_payloads`)
	check(t, err)
	says(Failed, "versions", "events_version_insert, session_payloads_version_delete")
}

// TestNoPasswordIsShown in whatever form an address has it.
func TestNoPasswordIsShown(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"postgres://ada:hunter22@db.example/daypass", "postgresql://ada:hunter22@db.example/daypass?sslmode=require",
		"postgres://db.example/daypass?user=ada&password=hunter22", "postgres://ada:hunter22@db.example:x/daypass", "postgres://ada:hunter22@127.0.0.1:1/daypass",
	} {
		if shown := Shown(address); strings.Contains(shown, "hunter22") {
			t.Errorf("%s is shown as %s", address, shown)
		}
		if !HasPassword(address) {
			t.Errorf("%s has no password", address)
		}
		if _, err := Open(t.Context(), address+"&connect_timeout=1"); err == nil || strings.Contains(err.Error(), "hunter22") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", address, err)
		}
	}
	if HasPassword("postgres://ada@db.example/daypass") || HasPassword("data/daypass.db") {
		t.Error("an address without a password has one")
	}
}

// TestAHostThatSaysNothingIsPassedOver: after a failover the first host of the address
// may be a machine that is down.
func TestAHostThatSaysNothingIsPassedOver(t *testing.T) {
	t.Parallel()
	address, err := url.Parse(databasetest.NewPostgres(t))
	check(t, err)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // nobody accepts
	check(t, err)
	defer silent.Close()
	_, port, err := net.SplitHostPort(silent.Addr().String())
	check(t, err)
	query := address.Query()
	query.Set("host", "127.0.0.1,"+query.Get("host"))
	query.Set("port", port+",5432")
	address.RawQuery = query.Encode()
	db, err := Open(t.Context(), address.String())
	check(t, err)
	defer db.Close()
	if _, err := db.UserVersion(t.Context(), "nobody"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a request that needs a new connection: %v", err)
	}
}
