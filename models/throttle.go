package models

import (
	"crypto/sha256"
	"encoding/base64"
	"net/netip"
	"time"

	"daypass/models/database"
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
	return failures{Last: now, Forgiven: database.UnixTime(now.Unix() + level)}
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
func (t Throttle) limits(account string, from ClientInfo) []limit {
	if from.Device != "" {
		return []limit{{key: failureKey("browser", from.Device), free: t.Account}}
	}
	limits := []limit{{key: failureKey("account", account), free: t.Account}}
	if network, ok := networkOf(from.Address); ok {
		limits = append(limits, limit{key: failureKey("address", network), free: t.Address, shared: true})
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
