package models

import (
	"context"
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

// gate lets as many hashes be computed at a time as there are cores, or half as
// many while many pages are asked for, and lets a bounded number wait their
// turn. So the memory that hashes take is bounded, and a crowd that signs in
// leaves room for those who are at work.
type gate struct {
	size    int64 // cores
	cores   *semaphore.Weighted
	waiting atomic.Int64
	room    int64
	quiet   *time.Timer // gives the memory back when nobody has signed in for a while

	pages  atomic.Int64 // asked for since the last look
	looked atomic.Int64 // Unix nanoseconds
	busy   atomic.Bool  // what was seen then
}

const (
	// quietAfter is how long after the last hash its memory is given back: 19 MiB
	// a core, which Go would keep for minutes.
	quietAfter = 5 * time.Second
	// manyPages are so many a second that hashes make room for them.
	manyPages = 500
	// lookEvery is how often it is looked how many there are.
	lookEvery = 100 * time.Millisecond
)

func newGate() *gate {
	cores := int64(runtime.GOMAXPROCS(0))
	quiet := time.AfterFunc(quietAfter, debug.FreeOSMemory)
	quiet.Stop()
	return &gate{size: cores, cores: semaphore.NewWeighted(cores), room: 128 * cores, quiet: quiet}
}

// run runs work when its turn comes. It returns a BusyError at once when the
// queue is full.
func (g *gate) run(ctx context.Context, work func() error) error {
	if g.waiting.Add(1) > g.room {
		g.waiting.Add(-1)
		return &BusyError{After: busyAfter}
	}
	share := g.share()
	err := g.cores.Acquire(ctx, share)
	if err == nil {
		defer g.cores.Release(share)
		defer g.quiet.Reset(quietAfter)
	}
	g.waiting.Add(-1)
	if err != nil {
		return err
	}
	return work()
}

// share is how many cores a hash takes for itself: one that it works on, and one
// for the pages while there are many.
func (g *gate) share() int64 {
	now, last := time.Now().UnixNano(), g.looked.Load()
	if since := now - last; since >= int64(lookEvery) && g.looked.CompareAndSwap(last, now) {
		g.busy.Store(float64(g.pages.Swap(0))/time.Duration(since).Seconds() > manyPages)
	}
	if g.busy.Load() {
		return min(2, g.size)
	}
	return 1
}
