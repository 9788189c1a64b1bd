package models

import (
	"errors"
	"strconv"
	"testing"
	"time"
)

// TestS23PasskeysOnEitherEngine runs each statement about passkeys: a challenge counts once,
// also for making one; and S22: with few recovery codes it is time for new ones.
func TestS23PasskeysOnEitherEngine(t *testing.T) {
	t.Parallel()
	db := open(t)
	ada := added(t, db, "ada")
	session := begun(t, db, "s0", ada, time.Hour)
	n := 0
	next := func() (SessionID, error) {
		n++
		return SessionID{ID: "s" + strconv.Itoa(n), Signer: "x", Root: "root"}, nil
	}
	change := func() FactorChange { return FactorChange{Session: session, NewID: next} }
	done := func(err error) {
		t.Helper()
		check(t, err)
		session, err = db.Session(t.Context(), "s"+strconv.Itoa(n))
		check(t, err)
	}
	challenge := func(text string) Challenge { return Challenge{text, db.Now().Add(time.Minute)} }
	made := Passkey{Name: "key", Domain: "localhost", Credential: "AAAA", Record: "{}", Count: 1, Verified: true}
	factor, codes := db.NewPasskey(&session.User, "handle", made, challenge("a"))
	if len(codes) == 0 {
		t.Error("no codes")
	}
	done(db.AddFactor(t.Context(), change(), factor))
	again, _ := db.NewPasskey(&session.User, "handle", Passkey{Name: "other", Domain: "x", Credential: "BBBB", Record: "{}"}, challenge("a"))
	if err := db.AddFactor(t.Context(), change(), again); !errors.Is(err, ErrRefused) {
		t.Errorf("a creation that is replayed: %v", err)
	}
	n = 1
	user, err := db.UserByHandle(t.Context(), "handle")
	check(t, err)
	all, err := db.PasskeysOf(t.Context(), user)
	check(t, err)
	answer := PasskeyAnswer{Passkey: all[0], Challenge: challenge("b"), Count: 2, Verified: true}
	done(db.Reauthenticate(t.Context(), change(), db.Factor(user, answer)))
	if err := db.Reauthenticate(t.Context(), change(), db.Factor(user, answer)); !errors.Is(err, ErrRefused) {
		t.Errorf("a replay: %v", err)
	}
	n = 2
	check(t, db.RenamePasskey(t.Context(), user, all[0].ID, "new name", ClientInfo{}))
	for _, few := range []bool{false, true} {
		factors, err := db.FactorsOf(t.Context(), &session.User)
		check(t, err)
		if factors.FewCodes() != few {
			t.Errorf("with %d recovery codes it is time for new ones: %t", factors.Codes, !few)
		}
		raw(t, db, `DELETE FROM recovery_codes WHERE key NOT IN (SELECT key FROM recovery_codes ORDER BY key LIMIT $1)`, FewRecoveryCodes)
	}
	elsewhere, here, lockedOut, err := db.PasskeysElsewhere(t.Context(), "localhost")
	check(t, err)
	if elsewhere != 0 || here != 1 || lockedOut != 0 {
		t.Errorf("%d elsewhere, %d here, %d locked out", elsewhere, here, lockedOut)
	}
	done(db.RemovePasskey(t.Context(), change(), all[0].ID))
	if session.User.HasSecondFactor() {
		t.Error("a second factor is left")
	}
}
