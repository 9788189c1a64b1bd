package models

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"daypass/models/database"
	"daypass/models/database/databasetest"
	"daypass/models/encryption"
)

func TestServersThatStartTogetherHaveOneSecret(t *testing.T) {
	t.Parallel()
	servers := nodes(t, 3)
	secrets, installations := make([][]string, len(servers)), make([]string, len(servers))
	var wg sync.WaitGroup
	for i, server := range servers {
		wg.Go(func() {
			var failed error
			secrets[i], failed = server.Secrets(t.Context())
			if failed == nil {
				installations[i], failed = server.Installation(t.Context())
			}
			if failed != nil {
				t.Error(failed)
			}
		})
	}
	wg.Wait()
	for i := range servers {
		if len(secrets[i]) != 1 || secrets[i][0] != secrets[0][0] || installations[i] == "" || installations[i] != installations[0] {
			t.Errorf("server %d has %d secrets, and is another installation: %t", i, len(secrets[i]), installations[i] != installations[0])
		}
	}
}

// TestANewSecretVerifiesBeforeItSigns, so that no server meets what it does not know.
func TestANewSecretVerifiesBeforeItSigns(t *testing.T) {
	t.Parallel()
	db, later := clockwork(t)
	first, err := db.Secrets(t.Context())
	check(t, err)
	added, signs, err := db.AddSecret(t.Context())
	check(t, err)
	for _, want := range [][]string{{first[0], added}, {added, first[0]}} {
		secrets, err := db.Secrets(t.Context())
		check(t, err)
		if !slices.Equal(secrets, want) {
			t.Errorf("the order is wrong at %s; it signs from %s on", db.Time(), signs)
		}
		later(SecretVerifiesFirst)
	}
	check(t, db.RemoveSecret(t.Context(), first[0]))
	if err := db.RemoveSecret(t.Context(), first[0]); !errors.Is(err, ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
	if err := db.RemoveSecret(t.Context(), added); !errors.Is(err, database.ErrInUse) {
		t.Errorf("the only one: %v", err)
	}
}

// TestS20SeedsAreEncryptedAnewInOneTransaction, as each one waits for the disk: all of some
// are, or none.
func TestS20SeedsAreEncryptedAnewInOneTransaction(t *testing.T) {
	t.Parallel()
	databasetest.OnlySQLite(t, "the trigger is SQLite's")
	db := open(t)
	var keys []SeedKey
	for _, name := range []string{"new", "old"} {
		key, err := encryption.NewKey(name+" secret of this test, long enough", "x")
		check(t, err)
		keys = append(keys, SeedKey{key, name})
	}
	for _, name := range []string{"ada", "eve", "zoe"} {
		user := added(t, db, name)
		raw(t, db, `INSERT INTO authenticators (user_id, seed, signer, step, added, used) VALUES ('`+user.ID+`', '`+keys[1].Encrypt(NewSeed(), seedOf(user.ID))+`', 'old', 1, 1, 1)`)
	}
	raw(t, db, `CREATE TRIGGER fails BEFORE UPDATE ON authenticators WHEN OLD.user_id = (SELECT MAX(user_id) FROM authenticators) BEGIN SELECT RAISE(ABORT, 'once'); END`)
	db.SetSeedKeys(keys)
	if err := db.EncryptSeeds(t.Context()); err == nil {
		t.Error("it did not fail")
	}
	if anew := number(t, db, `SELECT COUNT(*) FROM authenticators WHERE signer = 'new'`); anew != 0 {
		t.Errorf("%d of 3 are encrypted anew", anew)
	}
	raw(t, db, `DROP TRIGGER fails`)
	check(t, db.EncryptSeeds(t.Context()))
	if anew := number(t, db, `SELECT COUNT(*) FROM authenticators WHERE signer = 'new'`); anew != 3 {
		t.Errorf("%d of 3 are encrypted anew", anew)
	}
}
