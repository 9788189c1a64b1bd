package models

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
)

// Throttle says how failed sign-ins slow down further ones. Each failure
// counts until it is given back: one for every four times Longest, so that
// yesterday's typing errors cost nothing. With the defaults an account can be
// tried 109 times in the first day and 96 times in each further one, by all the world
// together (NIST SP 800-63B-4, section 3.2.2; ASVS 5.0, 6.3.1).
type Throttle struct {
	// Account is how many failures an account has free of delay.
	Account int
	// Address is the same for an IP address; for IPv6, for a network of 64 bits.
	Address int
	// Delay follows the first failure that is not free; it doubles with each further one.
	Delay time.Duration
	// Longest is what the delay grows to. A count grows no further.
	Longest time.Duration
}

// DefaultThrottle is what the command line has as defaults.
var DefaultThrottle = Throttle{Account: 5, Address: 20, Delay: time.Second, Longest: 15 * time.Minute}

// leak is how many seconds pass until a count gives one failure back. That is
// longer than any delay, so that waiting alone wins no further free failures.
func (t Throttle) leak() int64 { return max(4*int64(t.Longest.Seconds()), 60) }

// failures is the count that a limit keeps, as two moments.
type failures struct {
	Last     Time // of the failures
	Forgiven Time // when all of them will have been given back
}

// level is how many seconds pass until all failures are given back. A last
// failure in the future says that the clock was set back since: nobody knows
// how long ago it was, so nothing was given back yet.
func (f failures) level(now Time) int64 {
	return max(0, f.Forgiven.Unix()-max(f.Last.Unix(), now.Unix()))
}

// count is how many failures count now, one that is partly given back included.
func (t Throttle) count(f failures, now Time) int {
	return int((f.level(now) + t.leak() - 1) / t.leak())
}

// add returns the count with one more failure. It ends where the delay is the longest.
func (t Throttle) add(f failures, free int, now Time) failures {
	most := free
	for delay := t.Delay; delay > 0 && delay < t.Longest; delay *= 2 {
		most++
	}
	level := min(f.level(now)+t.leak(), int64(most)*t.leak())
	return failures{Last: now, Forgiven: UnixTime(now.Unix() + level)}
}

// wait is how long a count still forbids the next try. When the clock was set
// back behind the last failure it forbids nothing: the wait must not be longer
// than Longest, and the next failure counts from the new time on.
func (t Throttle) wait(f failures, free int, now time.Time) time.Duration {
	if f.Last.After(now) {
		return 0
	}
	return t.delay(t.count(f, f.Last), free) - now.Sub(f.Last.Time)
}

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

	// unwritten are the limits of failures that could not be counted in the
	// database. They are before any further password is looked at: otherwise a
	// full disk would allow as many guesses as anybody likes. To write each try
	// before its password is looked at would do, too, but costs every sign-in a
	// write more. There are never more of them than passwords are looked at at a time.
	unwritten [][]limit
}

// tally is the count of a limit while somebody tries.
type tally struct {
	failures
	trying int
}

// begin lets a try against its limits begin, when its turn comes and all
// failures before it are written. It returns a ThrottledError when it is too early for another one, and a BusyError when too
// many wait. Whoever began calls end.
func (db *DB) begin(ctx context.Context, limits []limit) error {
	db.tries.Lock()
	defer db.tries.Unlock()
	for {
		if len(db.tries.unwritten) > 0 {
			db.tries.Unlock()
			err := db.writeUnwritten(ctx)
			db.tries.Lock()
			if err != nil {
				return err
			}
			continue
		}
		tallies, now := make([]*tally, len(limits)), db.Now()
		var wait time.Duration
		full := false
		for i, limit := range limits {
			t, err := db.tally(ctx, limit)
			if err != nil {
				return err
			}
			tallies[i] = t
			wait = max(wait, db.Throttle.wait(t.failures, limit.free, now))
			full = full || t.trying >= max(1, limit.free-db.Throttle.count(t.failures, Time{now}))
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
	stored, err := storedFailures(ctx, db.sql, limit)
	return &tally{failures: stored}, err
}

// storedFailures returns the count that is stored for a limit.
func storedFailures(ctx context.Context, from sqlx.QueryerContext, limit limit) (stored failures, err error) {
	err = sqlx.GetContext(ctx, from, &stored, `SELECT last, forgiven FROM failures WHERE key = $1`, limit.key)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return failures{}, fmt.Errorf("read failed sign-ins: %w", err)
	}
	return stored, nil
}

// outcome is how a try ended.
type outcome int

const (
	undecided outcome = iota // nobody is to blame
	failed
	unwritten // failed, which the database does not know yet
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
		case how == failed || how == unwritten:
			t.failures = db.Throttle.add(t.failures, limit.free, db.now())
		case how == succeeded && !limit.shared:
			t.failures = failures{}
		}
		if t.trying == 0 {
			delete(db.tries.open, limit.key)
		}
	}
	if how == unwritten {
		db.tries.unwritten = append(db.tries.unwritten, limits)
	}
	db.tries.ended.Broadcast()
}

// writeUnwritten counts the failures that the database does not know yet.
func (db *DB) writeUnwritten(ctx context.Context) error {
	return db.inTurn(ctx, func() error { // so that nobody else writes the same
		db.tries.Lock()
		all := db.tries.unwritten
		db.tries.Unlock()
		if len(all) == 0 {
			return nil
		}
		err := db.commit(ctx, func(tx *sqlx.Tx) error {
			for _, limits := range all {
				if err := db.countFailure(ctx, tx, limits); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		db.tries.Lock()
		defer db.tries.Unlock()
		db.tries.unwritten = db.tries.unwritten[len(all):]
		return nil
	})
}

// countFailure adds a failure to the limits it is held against.
func (db *DB) countFailure(ctx context.Context, tx *sqlx.Tx, limits []limit) error {
	for _, limit := range limits {
		stored, err := storedFailures(ctx, tx, limit)
		if err != nil {
			return err
		}
		counted := db.Throttle.add(stored, limit.free, db.now())
		if _, err := tx.ExecContext(ctx, `INSERT INTO failures (key, last, forgiven) VALUES ($1, $2, $3)
			ON CONFLICT (key) DO UPDATE SET last = excluded.last, forgiven = excluded.forgiven`, limit.key, counted.Last, counted.Forgiven); err != nil {
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

// maxFailures is how many counts are kept: about 10 MB. When strangers make up
// more names than that, those go that would be given back first. To get rid of the
// count of an account in that way takes more failures than are ever hashed before it is
// given back by itself.
const maxFailures = 100_000

// forgivenBefore returns up to which moment the counts are deleted that will have
// been given back then: now, or later when there are too many.
func (db *DB) forgivenBefore(ctx context.Context) (Time, error) {
	var excess Time
	err := db.sql.GetContext(ctx, &excess, `SELECT COALESCE((SELECT forgiven FROM failures ORDER BY forgiven DESC LIMIT 1 OFFSET $1), 0)`, maxFailures)
	if err != nil {
		return Time{}, fmt.Errorf("count failed sign-ins: %w", err)
	}
	if now := db.now(); now.After(excess.Time) {
		return now, nil
	}
	return excess, nil
}
