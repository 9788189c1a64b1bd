package models

import (
	"crypto/sha256"
	"encoding/base64"
	"net/netip"
	"time"

	"daypass/models/database"
)

// Throttle says how failed sign-ins delay further ones. Failures are forgiven one by
// one, each after four times Longest, so that yesterday's typing errors cause no
// delay. With the defaults all clients together can try an account 109 times on the
// first day and 96 times on each further one (NIST SP 800-63B-4, section 3.2.2;
// ASVS 5.0, 6.3.1).
type Throttle struct {
	// Account is how many failures an account may have before delays start.
	Account int
	// Address is the same for an IP address; for IPv6, for a network of 64 bits.
	Address int
	// Delay is the first delay; it doubles with each further failure.
	Delay time.Duration
	// Longest is the longest delay. Failures are not counted beyond it.
	Longest time.Duration
}

// forgiveAfter is after how many seconds one failure is forgiven. That is longer than
// any delay, so that waiting out a delay never gives a further free failure.
func (t Throttle) forgiveAfter() int64 { return max(4*int64(t.Longest.Seconds()), 60) }

// failures is the count of a limit, stored as two times.
type failures struct {
	Last     Time // time of the last failure
	Forgiven Time // when all of them will be forgiven
}

// level is how many seconds pass until all failures are forgiven. If the last failure
// is in the future, the clock was set back since: nobody knows how long ago the
// failure was, so nothing is forgiven yet.
func (f failures) level(now Time) int64 {
	return max(0, f.Forgiven.Unix()-max(f.Last.Unix(), now.Unix()))
}

// count is how many failures count now, including one that is partly forgiven.
func (t Throttle) count(f failures, now Time) int {
	return int((f.level(now) + t.forgiveAfter() - 1) / t.forgiveAfter())
}

// add returns the count with one more failure. It stops where the delay is the longest.
func (t Throttle) add(f failures, free int, now Time) failures {
	most := free
	for delay := t.Delay; delay > 0 && delay < t.Longest; delay *= 2 {
		most++
	}
	level := min(f.level(now)+t.forgiveAfter(), int64(most)*t.forgiveAfter())
	return failures{Last: now, Forgiven: database.UnixTime(now.Unix() + level)}
}

// wait is how long the next attempt still has to wait. If the clock was set back to
// before the last failure there is no wait: it must not be longer than Longest, and
// the next failure counts from the new time on.
func (t Throttle) wait(f failures, free int, now time.Time) time.Duration {
	if f.Last.After(now) {
		return 0
	}
	return t.delay(t.count(f, f.Last), free) - now.Sub(f.Last.Time)
}

// ThrottledError says that there were too many failed sign-ins recently.
type ThrottledError struct {
	// After is how long to wait before the next attempt.
	After time.Duration
	// Wrong says what was wrong: passwords, codes or passkeys. Empty: passwords.
	Wrong string
}

func (*ThrottledError) Error() string { return "too many failed sign-ins" }

// limit is one of the counts that limit an attempt.
type limit struct {
	key    string // of the row
	free   int
	shared bool // by several accounts: when one of them signs in, it is not cleared
}

// limits returns the limits of an attempt: the account and the address; or, with a
// browser with which this account has signed in before, that browser alone, so that
// strangers can't lock the owner out.
func (t Throttle) limits(account string, from ClientInfo) []limit {
	if from.Device != "" {
		return []limit{{key: failureKey("browser", from.Device), free: t.Account}}
	}
	if from.Session != "" {
		return []limit{{key: failureKey("session", from.Session), free: t.Account}}
	}
	limits := []limit{{key: failureKey("account", account), free: t.Account}}
	if network, ok := networkOf(from.Address); ok {
		limits = append(limits, limit{key: failureKey("address", network), free: t.Address, shared: true})
	}
	return limits
}

// failureKey hashes what is counted, so that the table doesn't reveal who tried what.
func failureKey(kind, what string) string {
	sum := sha256.Sum256([]byte(kind + "\x00" + what))
	return base64.RawURLEncoding.EncodeToString(sum[:18])
}

// networkOf is the network within which one client can choose its address.
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

// delay is how long after the last failure the next attempt has to wait.
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
