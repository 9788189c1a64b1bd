package database

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"
)

// How a request knows that what it holds in memory is still true
//
// Every change of what pages show about a user changes that user's version in the same
// transaction: triggers do it, whoever writes. So a session or a page that was read
// together with a version is true as long as the user has that version, and a request
// has to read nothing else. It has to read it after it has arrived: then it sees
// everything that was acknowledged before, by this process or any other, because both
// databases show a commit to later statements before they acknowledge it.
//
// Many requests share one query. Those that arrive while a query is under way wait for
// the next one, which all of them share. Nobody joins a batch once its query is sent, so
// every request gets an answer of after its arrival. Others' commits cost
// nothing but a new version of the users that they are about.
//
// Nobody waits longer than versionTimeout for PostgreSQL. If it does not answer a batch by
// then, the batch fails, and so does the one that waits behind it. SQLite reads a file, as
// long as that takes.

// versionTimeout is how long a request waits for the versions of users at most.
const versionTimeout = 2 * time.Second

// versions answers which version a user has now.
type versions struct {
	read func(ctx context.Context, users []string) (map[string]int64, error)

	sync.Mutex
	underWay bool
	next     *batch // whose query is not sent yet; nil if nobody waits for it
}

// batch is one query and those who wait for it.
type batch struct {
	users map[string]struct{}
	done  chan struct{} // closed when it has been answered
	found map[string]int64
	err   error
}

// UserVersion returns the version that a user has now, in the database. It returns
// ErrNotFound if there is no such user.
func (db *DB) UserVersion(ctx context.Context, user string) (int64, error) {
	if db.moved.Load() {
		return 0, ErrMoved
	}
	return db.versions.of(ctx, user)
}

func (v *versions) of(ctx context.Context, user string) (int64, error) {
	v.Lock()
	if v.next == nil {
		v.next = &batch{users: make(map[string]struct{}), done: make(chan struct{})}
	}
	mine := v.next
	mine.users[user] = struct{}{}
	first := !v.underWay
	v.underWay = true
	v.Unlock()
	if first {
		// Those who are about to ask come along: fewer queries, at half of the cost.
		runtime.Gosched()
		v.run()
	} else {
		select {
		case <-mine.done:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	if mine.err != nil {
		return 0, fmt.Errorf("read the version of a user: %w", mine.err)
	}
	version, found := mine.found[user]
	if !found {
		return 0, ErrNotFound
	}
	return version, nil
}

// run answers the batch that waits, and leaves the one behind it to a goroutine.
func (v *versions) run() {
	v.Lock()
	b := v.next
	v.next = nil // nobody joins it any more: only now is the query sent
	v.Unlock()
	users := make([]string, 0, len(b.users))
	for user := range b.users {
		users = append(users, user)
	}
	// Not the context of one of them: the others wait for it, too.
	ctx, cancel := context.WithTimeout(context.Background(), versionTimeout)
	b.found, b.err = v.ask(ctx, users)
	late := b.err != nil && (ctx.Err() != nil || errors.Is(b.err, context.DeadlineExceeded))
	cancel()
	close(b.done)

	v.Lock()
	defer v.Unlock()
	if late && v.next != nil {
		v.next.err = b.err
		close(v.next.done)
		v.next = nil
	}
	if v.underWay = v.next != nil; v.underWay {
		go func() {
			runtime.Gosched()
			v.run()
		}()
	}
}

// ask is read whose panic is an error: those who wait for the batch get an answer.
func (v *versions) ask(ctx context.Context, users []string) (found map[string]int64, err error) {
	defer func() {
		if recovered := recover(); recovered != nil {
			err = fmt.Errorf("panic: %w", asError(recovered))
		}
	}()
	return v.read(ctx, users)
}
