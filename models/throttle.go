package models

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/netip"
	"time"

	"github.com/jmoiron/sqlx"
)

// Throttle says how failed sign-ins slow down further ones. With the defaults
// an account can be tried some 100 times a day, by all the world together
// (NIST SP 800-63B-4, section 3.2.2; ASVS 5.0, 6.3.1).
type Throttle struct {
	// Account is how many failures an account has free of delay.
	Account int
	// Address is the same for an IP address; for IPv6, for a network of 64 bits.
	Address int
	// Delay follows the first failure that is not free; it doubles with each further one.
	Delay time.Duration
	// Longest is what the delay grows to.
	Longest time.Duration
}

// DefaultThrottle is what the command line has as defaults.
var DefaultThrottle = Throttle{Account: 5, Address: 20, Delay: time.Second, Longest: 15 * time.Minute}

// forgetAfter is how long after its last failure a count is forgotten.
const forgetAfter = 24 * time.Hour

// ThrottledError says that there were too many failed sign-ins lately.
type ThrottledError struct {
	// After is when the next try is allowed.
	After time.Duration
}

func (*ThrottledError) Error() string { return "too many failed sign-ins" }

// limit is one of the counts that a try is held against.
type limit struct {
	key    string // of the row
	free   int
	shared bool // by several accounts: a success of one does not clear it
}

// limits returns what a try is held against: the account and the address; or,
// in a browser in which this account has signed in before, that browser alone,
// so that strangers can't lock the owner out.
func (db *DB) limits(account string, from Origin) []limit {
	if from.Known != "" {
		return []limit{{key: failureKey("browser", from.Known), free: db.Throttle.Account}}
	}
	limits := []limit{{key: failureKey("account", account), free: db.Throttle.Account}}
	if network, ok := networkOf(from.Address); ok {
		limits = append(limits, limit{key: failureKey("address", network), free: db.Throttle.Address, shared: true})
	}
	return limits
}

// failureKey hashes what is counted: the table tells nobody who tried what.
func failureKey(kind, what string) string {
	sum := sha256.Sum256([]byte(kind + "\x00" + what))
	return base64.RawURLEncoding.EncodeToString(sum[:18])
}

// networkOf is what one client can choose its addresses from.
func networkOf(address string) (string, bool) {
	parsed, err := netip.ParseAddr(address)
	if err != nil {
		return "", false
	}
	if parsed.Is6() && !parsed.Is4In6() {
		network, _ := parsed.WithZone("").Prefix(64) // never fails for IPv6
		return network.String(), true
	}
	return parsed.Unmap().String(), true
}

// delay is how long after its last failure a count forbids the next try.
func (t Throttle) delay(count, free int) time.Duration {
	if count < free {
		return 0
	}
	delay := t.Delay
	for range count - free {
		if delay *= 2; delay >= t.Longest {
			return t.Longest
		}
	}
	return min(delay, t.Longest)
}

// try counts a sign-in as failed before its password is looked at, so that
// tries at the same moment are counted too. It returns a ThrottledError, and
// counts nothing, when it is too early for another one.
func (db *DB) try(ctx context.Context, limits []limit) error {
	if err := db.tooEarly(ctx, db.sql, limits); err != nil { // no write for those who hammer
		return err
	}
	now := db.now()
	return db.write(ctx, func(tx *sqlx.Tx) error {
		if err := db.tooEarly(ctx, tx, limits); err != nil {
			return err
		}
		for _, limit := range limits {
			if _, err := tx.ExecContext(ctx, `INSERT INTO failures (key, count, last) VALUES ($1, 1, $2)
				ON CONFLICT (key) DO UPDATE SET count = CASE WHEN failures.last < $3 THEN 1 ELSE failures.count + 1 END, last = excluded.last`,
				limit.key, now, Time{now.Add(-forgetAfter)}); err != nil {
				return fmt.Errorf("count a sign-in: %w", err)
			}
		}
		return nil
	})
}

func (db *DB) tooEarly(ctx context.Context, from sqlx.QueryerContext, limits []limit) error {
	now := db.now()
	var wait time.Duration
	for _, limit := range limits {
		var counts []struct {
			Count int
			Last  Time
		}
		if err := sqlx.SelectContext(ctx, from, &counts, `SELECT count, last FROM failures WHERE key = $1`, limit.key); err != nil {
			return fmt.Errorf("count failed sign-ins: %w", err)
		}
		for _, counted := range counts {
			if since := now.Sub(counted.Last.Time); since < forgetAfter {
				wait = max(wait, db.Throttle.delay(counted.Count, limit.free)-since)
			}
		}
	}
	if wait > 0 {
		return &ThrottledError{After: wait}
	}
	return nil
}

// forgive takes back what try counted: of the account all, since its owner has
// come; of what others share, this one try.
func forgive(ctx context.Context, tx *sqlx.Tx, limits []limit) error {
	for _, limit := range limits {
		statement := `DELETE FROM failures WHERE key = $1`
		if limit.shared {
			statement = `UPDATE failures SET count = count - 1 WHERE key = $1 AND count > 0`
		}
		if _, err := tx.ExecContext(ctx, statement, limit.key); err != nil {
			return fmt.Errorf("forgive failed sign-ins: %w", err)
		}
	}
	return nil
}

// undo takes back one try that nobody is to blame for.
func (db *DB) undo(ctx context.Context, limits []limit) error {
	for i := range limits {
		limits[i].shared = true
	}
	return db.write(ctx, func(tx *sqlx.Tx) error { return forgive(ctx, tx, limits) })
}
