package models

import (
	"context"
	"fmt"
	"time"

	"daypass/models/database"
)

// sweepStep is how many expired rows are deleted at a time, so that other writes don't
// wait long. Where they don't wait at all, it is wideSweepStep.
const (
	sweepStep     = 100
	wideSweepStep = 1000
)

// Sweep ends idle sessions and those that owe a second factor for too long, and deletes
// expired sessions with everything stored in them, failures that are forgiven, events
// that are older than KeepEvents, and the names of devices that browsers have forgotten.
// Pending sign-ins that expired are events.
func (db *DB) Sweep(ctx context.Context) error {
	if err := db.endIdle(ctx); err != nil {
		return err
	}
	if err := db.endOverdue(ctx); err != nil {
		return err
	}
	if err := db.endExpired(ctx); err != nil {
		return err
	}
	now := db.Time()
	forgiven, err := db.attempts.forgivenBefore(ctx)
	if err != nil {
		return err
	}
	size, skipLocked := int64(sweepStep), db.SkipLocked()
	if skipLocked != "" { // other servers sweep at the same time, and writes to other rows go on
		size = wideSweepStep
	}
	for _, step := range []struct {
		statement string
		before    Time
	}{
		{`DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires <= $1 LIMIT $2`, now},
		{`DELETE FROM ` + database.PayloadTable + ` WHERE k IN (SELECT k FROM ` + database.PayloadTable + ` WHERE e <= $1 AND e <> 0 LIMIT $2`, now},
		{`DELETE FROM events WHERE id IN (SELECT id FROM events WHERE at <= $1 LIMIT $2`, Time{Time: now.Add(-db.KeepEvents)}},
		{`DELETE FROM devices WHERE (user_id, id) IN (SELECT user_id, id FROM devices WHERE used <= $1 LIMIT $2`, Time{Time: now.Add(-DeviceLifetime)}},
		{`DELETE FROM code_failures WHERE (user_id, device) IN (SELECT user_id, device FROM code_failures WHERE device <> '' AND last <= $1 LIMIT $2`, Time{Time: now.Add(-DeviceLifetime)}},
		{`DELETE FROM spent WHERE key IN (SELECT key FROM spent WHERE expires <= $1 LIMIT $2`, now},
		{`DELETE FROM failures WHERE key IN (SELECT key FROM failures WHERE forgiven <= $1 LIMIT $2`, forgiven},
		{`DELETE FROM attempts WHERE (key, id) IN (SELECT key, id FROM attempts WHERE until <= $1 LIMIT $2`, database.UnixTime(now.Unix() - db.Throttle.forgiveAfter())},
	} {
		for swept := size; swept == size; {
			began := time.Now()
			result, err := db.Exec(ctx, step.statement+skipLocked+`)`, step.before, size)
			if err != nil {
				return fmt.Errorf("sweep expired sessions: %w", err)
			}
			if swept, err = result.RowsAffected(); err != nil {
				return err
			}
			if swept == size {
				time.Sleep(2 * time.Since(began)) // leave two thirds of the time to other writes
			}
		}
	}
	return nil
}
