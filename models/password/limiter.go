package password

import (
	"context"
	"math"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// BusyError says that more passwords wait to be checked than the server can
// check in good time.
type BusyError struct {
	// After is when it is worth trying again.
	After time.Duration
}

// busyAfter is about how long a full queue takes to empty.
const busyAfter = 5 * time.Second

func (*BusyError) Error() string { return "too many passwords wait to be checked" }

// Limiter computes one hash per core at a time, and lets a bounded number wait for
// their turn, so that the memory that hashes take is bounded: 19 MiB each.
//
// While many pages are requested, a hash takes two permits instead of one. That
// leaves half of the cores, if there are several, to people who are signed in: on two
// cores, dashboards then reach 0.38 of their rate while 256 clients sign in again and
// again (benchmark BrowsingDuringLogins). Always leaving a core free would be simpler,
// but on two cores it would halve the rate of sign-ins when nothing else is requested,
// which is 0.96 of what argon2id can do on all cores (benchmark Logins).
type Limiter struct {
	// Capacity is how many may wait.
	Capacity int64

	cores   int64
	permits *semaphore.Weighted
	waiting atomic.Int64

	pages   atomic.Int64 // requested since the rate was measured
	sampled atomic.Int64 // when the rate was measured, in Unix nanoseconds
	crowded atomic.Bool  // whether there were many pages then
}

const (
	// idleAfter is how long after the last hash its memory is returned to the
	// system: 19 MiB per core, which Go would keep for minutes.
	idleAfter = 5 * time.Second
	// manyPages a second make hashes leave half of the cores to pages.
	manyPages = 500
	// samplePages is how often the rate of pages is measured.
	samplePages = 100 * time.Millisecond
)

// idle returns the memory of the process to the system when nobody has signed in for a
// while. The first hash starts it.
var idle = time.AfterFunc(math.MaxInt64, debug.FreeOSMemory)

// NewLimiter returns a limiter for all cores.
func NewLimiter() *Limiter {
	cores := int64(runtime.GOMAXPROCS(0))
	return &Limiter{Capacity: 128 * cores, cores: cores, permits: semaphore.NewWeighted(cores)}
}

// Run runs work when its turn comes. It returns a BusyError at once if the queue
// is full.
func (l *Limiter) Run(ctx context.Context, work func() error) error {
	if l.waiting.Add(1) > l.Capacity {
		l.waiting.Add(-1)
		return NewBusyError()
	}
	permits := l.cost()
	err := l.permits.Acquire(ctx, permits)
	if err == nil {
		defer l.permits.Release(permits)
		defer idle.Reset(idleAfter)
	}
	l.waiting.Add(-1)
	if err != nil {
		return err
	}
	return work()
}

// NewBusyError returns the error of a queue that is full.
func NewBusyError() *BusyError { return &BusyError{After: busyAfter} }

// Waiting is how many wait now.
func (l *Limiter) Waiting() int64 { return l.waiting.Load() }

// CountPage counts a page that is requested.
func (l *Limiter) CountPage() { l.pages.Add(1) }

// cost is how many permits a hash takes.
func (l *Limiter) cost() int64 {
	now, last := time.Now().UnixNano(), l.sampled.Load()
	if since := now - last; since >= int64(samplePages) && l.sampled.CompareAndSwap(last, now) {
		l.crowded.Store(float64(l.pages.Swap(0))/time.Duration(since).Seconds() > manyPages)
	}
	if l.crowded.Load() {
		return min(2, l.cores)
	}
	return 1
}
