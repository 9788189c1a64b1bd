package models

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
	"golang.org/x/sync/semaphore"

	"daypass/models/database"
	"daypass/models/password"
)

// attempts are the sign-ins whose password is being checked. For each limit, no more
// of them run at a time than may still fail before delays start; the others wait for
// their outcome. So many sign-ins with the right password succeed as fast as they can
// be hashed, and a burst of guesses gets no more attempts than the same guesses one
// after the other.
//
// Each attempt has rows in the database before its password is checked, so that all
// processes allow as many together as one alone. A row that outlives its attempt,
// because the process was killed or the outcome could not be written, counts as a
// failure when it expires: neither a crash nor a full disk allows a free guess.
type attempts struct {
	db       *database.DB
	throttle *Throttle
	limiter  *password.Limiter

	sync.Mutex
	queues  map[string]*queue // by key of the limit
	waiting int
}

// queue is where the attempts of this process under one limit wait. Only the first of
// them asks the database.
type queue struct {
	turn  *semaphore.Weighted
	ended chan struct{} // wakes the first when an attempt has ended in this process
	users int
}

func newAttempts(db *database.DB, throttle *Throttle, limiter *password.Limiter) *attempts {
	return &attempts{db: db, throttle: throttle, limiter: limiter, queues: make(map[string]*queue)}
}

// attempt is a sign-in whose password may be checked.
type attempt struct {
	id     string
	limits []limit
}

// begin waits until an attempt may run under its limits. It returns a ThrottledError if
// it is too early for another attempt, and a BusyError if too many wait. After begin has
// succeeded, the caller calls fail, succeed or withdraw.
func (a *attempts) begin(ctx context.Context, limits []limit) (attempt, error) {
	if wait, err := a.tooEarly(ctx, limits); err != nil { // without the write lock, which a flood of guesses would fight for
		return attempt{}, err
	} else if wait > 0 {
		return attempt{}, &ThrottledError{After: wait}
	}
	ended := make(chan struct{}, 1)
	mine := place{attempts: a}
	defer mine.leave()
	for _, limit := range limits {
		leave, err := a.enter(ctx, limit, ended, &mine)
		if err != nil {
			return attempt{}, err
		}
		defer leave()
	}
	for {
		id, wait, err := a.reserve(ctx, limits)
		switch {
		case err != nil:
			return attempt{}, err
		case wait > 0:
			return attempt{}, &ThrottledError{After: wait}
		case id != "":
			return attempt{id, limits}, nil
		}
		err = mine.await(func() error {
			select {
			case <-ended:
				return nil
			case <-time.After(askAgainAfter + mathrand.N(askAgainAfter)): // one in another process may have ended
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		if err != nil {
			return attempt{}, err
		}
	}
}

// tooEarly is how long the next attempt has to wait, or nothing.
func (a *attempts) tooEarly(ctx context.Context, limits []limit) (wait time.Duration, err error) {
	var stored []struct {
		Key string
		failures
	}
	var where database.Conditions
	where.AddIn(`key`, keysOf(limits))
	if err := a.db.SQL.SelectContext(ctx, &stored, `SELECT key, last, forgiven FROM failures`+where.Where(), where.Values...); err != nil {
		return 0, fmt.Errorf("read failed sign-ins: %w", err)
	}
	for _, row := range stored {
		for _, limit := range limits {
			if limit.key == row.Key {
				wait = max(wait, a.throttle.wait(row.failures, limit.free, a.db.Now()))
			}
		}
	}
	return wait, nil
}

func keysOf(limits []limit) (keys []string) {
	for _, limit := range limits {
		keys = append(keys, limit.key)
	}
	return keys
}

// enter waits in the queue of a limit until it is the first of it. From then on the end
// of an attempt under the limit wakes it.
func (a *attempts) enter(ctx context.Context, limit limit, ended chan struct{}, mine *place) (leave func(), err error) {
	a.Lock()
	q := a.queues[limit.key]
	if q == nil {
		q = &queue{turn: semaphore.NewWeighted(1)}
		a.queues[limit.key] = q
	}
	q.users++
	a.Unlock()
	if !q.turn.TryAcquire(1) {
		err = mine.await(func() error { return q.turn.Acquire(ctx, 1) })
	}
	a.Lock()
	defer a.Unlock()
	if err != nil {
		a.forget(limit, q)
		return nil, err
	}
	q.ended = ended
	return func() {
		a.Lock()
		defer a.Unlock()
		q.ended = nil
		q.turn.Release(1)
		a.forget(limit, q)
	}, nil
}

// forget removes a queue that nobody uses any more. The caller holds the lock.
func (a *attempts) forget(limit limit, q *queue) {
	if q.users--; q.users == 0 {
		delete(a.queues, limit.key)
	}
}

// place is that of one attempt among those that wait. It is kept while the attempt asks
// the database, so that no newcomer takes it from whoever has waited longest.
type place struct {
	*attempts
	taken bool
}

// await takes the place and runs wait, or returns a BusyError if too many wait already.
func (p *place) await(wait func() error) error {
	if !p.taken {
		p.Lock()
		full := p.waiting >= int(p.limiter.Capacity)
		if !full {
			p.waiting++
		}
		p.Unlock()
		if full {
			return password.NewBusyError()
		}
		p.taken = true
	}
	return wait()
}

// leave gives the place back, if it was taken.
func (p *place) leave() {
	if p.taken {
		p.Lock()
		p.waiting--
		p.Unlock()
	}
}

// wake lets those who are first under the limits of an attempt that has ended ask again.
func (a *attempts) wake(limits []limit) {
	a.Lock()
	defer a.Unlock()
	for _, limit := range limits {
		if q := a.queues[limit.key]; q != nil {
			select {
			case q.ended <- struct{}{}:
			default: // nobody is first yet, or was woken already
			}
		}
	}
}

// reserve stores an attempt, if it may run now, and returns its ID, or how long it is
// too early for it. It returns neither if other attempts have to end first.
func (a *attempts) reserve(ctx context.Context, limits []limit) (id string, wait time.Duration, err error) {
	err = a.db.WriteUnsynced(ctx, func(tx *sqlx.Tx) error {
		id, wait = "", 0
		full := false
		for _, limit := range limits {
			stored, underWay, err := a.current(ctx, tx, limit)
			if err != nil {
				return err
			}
			wait = max(wait, a.throttle.wait(stored, limit.free, a.db.Now()))
			full = full || underWay >= max(1, limit.free-a.throttle.count(stored, a.db.Time()))
		}
		if wait > 0 || full {
			return nil
		}
		id = rand.Text()
		var values database.Conditions
		var rows []string
		for _, limit := range limits {
			rows = append(rows, `(`+values.Place(limit.key)+`, `+values.Place(id)+`, `+values.Place(Time{Time: a.db.Time().Add(attemptLifetime)})+`)`)
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO attempts (key, id, until) VALUES `+strings.Join(rows, `, `), values.Values...); err != nil {
			return fmt.Errorf("begin a sign-in: %w", err)
		}
		return nil
	})
	return id, wait, err
}

// current returns the count of a limit, and how many attempts are under way. Until the
// transaction ends, no other one changes either.
func (a *attempts) current(ctx context.Context, tx *sqlx.Tx, limit limit) (stored failures, underWay int, err error) {
	if err := a.db.LockRule(ctx, tx, limit.key); err != nil {
		return failures{}, 0, err
	}
	now := a.db.Time()
	var counted struct {
		failures
		Live, Total int
	}
	err = tx.GetContext(ctx, &counted, `SELECT COUNT(CASE WHEN until > $1 AND until <= $2 THEN 1 END) AS live, COUNT(*) AS total,
		COALESCE((SELECT last FROM failures WHERE key = $3), 0) AS last, COALESCE((SELECT forgiven FROM failures WHERE key = $3), 0) AS forgiven
		FROM attempts WHERE key = $3`, now, latestUntil(now), limit.key)
	if err != nil {
		return failures{}, 0, fmt.Errorf("count sign-ins: %w", err)
	}
	stored = counted.failures
	expired := counted.Total - counted.Live
	if expired == 0 {
		return stored, counted.Live, nil
	}
	for range expired {
		stored = a.throttle.add(stored, limit.free, now)
	}
	if err := store(ctx, tx, limit, stored); err != nil {
		return failures{}, 0, err
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM attempts WHERE key = $1 AND NOT (until > $2 AND until <= $3)`, limit.key, now, latestUntil(now))
	return stored, counted.Live, err
}

// latestUntil is the latest time at which an attempt that is under way now expires. A
// later one was stored before the clock was set back.
func latestUntil(now Time) Time { return Time{Time: now.Add(attemptLifetime + maxClockSkew)} }

// store stores the count of a limit.
func store(ctx context.Context, tx *sqlx.Tx, limit limit, counted failures) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO failures (key, last, forgiven) VALUES ($1, $2, $3)
		ON CONFLICT (key) DO UPDATE SET last = excluded.last, forgiven = excluded.forgiven`, limit.key, counted.Last, counted.Forgiven)
	if err != nil {
		return fmt.Errorf("count a failed sign-in: %w", err)
	}
	return nil
}

// remove removes an attempt from a limit, and tells whether it had not expired and been
// counted before.
func (a *attempts) remove(ctx context.Context, tx *sqlx.Tx, of attempt, limit limit) (removed bool, err error) {
	err = database.ExecOne(ctx, tx, `DELETE FROM attempts WHERE key = $1 AND id = $2`, limit.key, of.id)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// fail counts an attempt with a wrong password, in the transaction that records it. The
// caller calls wake when that is committed.
func (a *attempts) fail(ctx context.Context, tx *sqlx.Tx, failed attempt) error {
	for _, limit := range failed.limits {
		counted, _, err := a.current(ctx, tx, limit)
		if err != nil {
			return err
		}
		removed, err := a.remove(ctx, tx, failed, limit)
		if err == nil && removed {
			err = store(ctx, tx, limit, a.throttle.add(counted, limit.free, a.db.Time()))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// succeed ends an attempt with the right password, and clears the counts that are not
// shared, because their owner has signed in.
func (a *attempts) succeed(ctx context.Context, succeeded attempt) error {
	return a.end(ctx, succeeded, true)
}

// forgive clears the counts that are not shared.
func (a *attempts) forgive(ctx context.Context, limits []limit) error {
	return a.end(ctx, attempt{limits: limits}, true)
}

// withdraw ends an attempt whose password was not checked.
func (a *attempts) withdraw(ctx context.Context, withdrawn attempt) error {
	return a.end(ctx, withdrawn, false)
}

func (a *attempts) end(ctx context.Context, ended attempt, clear bool) error {
	err := a.db.WriteUnsynced(ctx, func(tx *sqlx.Tx) error {
		var under database.Conditions
		under.AddIn(`key`, keysOf(ended.limits))
		under.Add(true, `id = `, ended.id)
		if _, err := tx.ExecContext(ctx, `DELETE FROM attempts`+under.Where(), under.Values...); err != nil {
			return fmt.Errorf("end a sign-in: %w", err)
		}
		if !clear {
			return nil
		}
		var cleared database.Conditions
		cleared.AddIn(`key`, keysOf(slices.DeleteFunc(slices.Clone(ended.limits), func(limit limit) bool { return limit.shared })))
		if _, err := tx.ExecContext(ctx, `DELETE FROM failures`+cleared.Where(), cleared.Values...); err != nil {
			return fmt.Errorf("clear failed sign-ins: %w", err)
		}
		return nil
	})
	a.wake(ended.limits)
	return err
}

// forgivenBefore returns a time. Counts that are forgiven by then can be deleted: it
// is now, or later if there are too many counts.
func (a *attempts) forgivenBefore(ctx context.Context) (Time, error) {
	var excess Time
	err := a.db.SQL.GetContext(ctx, &excess, `SELECT COALESCE((SELECT forgiven FROM failures ORDER BY forgiven DESC LIMIT 1 OFFSET $1), 0)`, maxFailures)
	if err != nil {
		return Time{}, fmt.Errorf("count failed sign-ins: %w", err)
	}
	if now := a.db.Time(); now.After(excess.Time) {
		return now, nil
	}
	return excess, nil
}
