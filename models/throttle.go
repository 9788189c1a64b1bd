package models

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/netip"
	"sync"
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

// tries are the sign-ins whose password is being looked at. While there are
// some against a limit, no more of them run at a time than may still fail free
// of delay; the others wait for how those end. So a crowd that knows the
// password comes in as fast as it can be hashed, and a burst of guesses gets no
// more tries than the same guesses one by one.
type tries struct {
	sync.Mutex
	ended   sync.Cond
	open    map[string]*tally
	waiting int
}

// tally is the count of a limit while somebody tries.
type tally struct {
	trying int
	count  int
	last   time.Time
}

// begin lets a try against its limits begin, when its turn comes. It returns a
// ThrottledError when it is too early for another one, and a BusyError when too
// many wait. Whoever began calls end.
func (db *DB) begin(ctx context.Context, limits []limit) error {
	db.tries.Lock()
	defer db.tries.Unlock()
	for {
		tallies := make([]*tally, len(limits))
		var wait time.Duration
		full := false
		for i, limit := range limits {
			t, err := db.tally(ctx, limit)
			if err != nil {
				return err
			}
			tallies[i] = t
			wait = max(wait, db.Throttle.delay(t.count, limit.free)-db.Now().Sub(t.last))
			full = full || t.trying >= max(1, limit.free-t.count)
		}
		switch {
		case wait > 0:
			return &ThrottledError{After: wait}
		case !full:
			for i, t := range tallies {
				t.trying++
				db.tries.open[limits[i].key] = t
			}
			return nil
		case db.tries.waiting >= int(db.hashing.room):
			return &BusyError{After: busyAfter}
		}
		db.tries.waiting++
		db.tries.ended.Wait()
		db.tries.waiting--
	}
}

// tally returns the count of a limit: the one in use, or else what is stored.
func (db *DB) tally(ctx context.Context, limit limit) (*tally, error) {
	if t, ok := db.tries.open[limit.key]; ok {
		return t, nil
	}
	var stored []struct {
		Count int
		Last  Time
	}
	if err := db.sql.SelectContext(ctx, &stored, `SELECT count, last FROM failures WHERE key = $1 AND last > $2`, limit.key, Time{db.Now().Add(-forgetAfter)}); err != nil {
		return nil, fmt.Errorf("read failed sign-ins: %w", err)
	}
	t := &tally{}
	for _, row := range stored {
		t.count, t.last = row.Count, row.Last.Time
	}
	return t, nil
}

// outcome is how a try ended.
type outcome int

const (
	undecided outcome = iota // nobody is to blame
	failed
	succeeded
)

// end takes a try off its limits, with its outcome, and lets others go on.
func (db *DB) end(limits []limit, how outcome) {
	db.tries.Lock()
	defer db.tries.Unlock()
	for _, limit := range limits {
		t := db.tries.open[limit.key]
		t.trying--
		switch {
		case how == failed:
			t.count, t.last = t.count+1, db.now().Time
		case how == succeeded && !limit.shared:
			t.count = 0
		}
		if t.trying == 0 {
			delete(db.tries.open, limit.key)
		}
	}
	db.tries.ended.Broadcast()
}

// countFailure adds a failure to the limits it is held against.
func (db *DB) countFailure(ctx context.Context, tx *sqlx.Tx, limits []limit) error {
	now := db.now()
	for _, limit := range limits {
		if _, err := tx.ExecContext(ctx, `INSERT INTO failures (key, count, last) VALUES ($1, 1, $2)
			ON CONFLICT (key) DO UPDATE SET count = CASE WHEN failures.last <= $3 THEN 1 ELSE failures.count + 1 END, last = excluded.last`,
			limit.key, now, Time{now.Add(-forgetAfter)}); err != nil {
			return fmt.Errorf("count a failed sign-in: %w", err)
		}
	}
	return nil
}

// forgive clears the counts that are not shared: their owner has come. Mostly
// there is nothing to clear, and nothing is written.
func (db *DB) forgive(ctx context.Context, limits []limit) error {
	for _, limit := range limits {
		if limit.shared {
			continue
		}
		var failures bool
		if err := db.sql.GetContext(ctx, &failures, `SELECT EXISTS (SELECT 1 FROM failures WHERE key = $1)`, limit.key); err != nil {
			return err
		}
		if failures {
			if _, err := db.exec(ctx, `DELETE FROM failures WHERE key = $1`, limit.key); err != nil {
				return err
			}
		}
	}
	return nil
}
