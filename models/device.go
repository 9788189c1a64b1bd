package models

import (
	"context"
	"math"

	"github.com/jmoiron/sqlx"

	"daypass/models/database"
)

// Device is a browser that a user has given a name.
type Device struct {
	ID   string `db:"id" json:"-"` // hash of the ID in the browser's device cookie
	Name string `db:"name" json:"name"`
	Used Time   `db:"used" json:"used"` // the latest sign-in
}

// DevicesOf returns the devices that a user has named, the latest used first.
func (db *DB) DevicesOf(ctx context.Context, user *User) (devices []Device, err error) {
	err = db.SQL.SelectContext(ctx, &devices, `SELECT id, name, used FROM devices WHERE user_id = $1 ORDER BY used DESC, id`, user.ID)
	return devices, err
}

// NameDevice gives a name to the device of one of a user's sessions; an empty one takes
// the name away. It returns a ValidationError if the name is refused, and ErrNotFound if
// the user has no such session, or its device can't be recognized.
func (db *DB) NameDevice(ctx context.Context, user *User, session, name string) error {
	name, complaint := displayName(name, MaxDeviceName)
	if complaint != "" {
		return ValidationError{"name": complaint}
	}
	return db.Write(ctx, func(tx *sqlx.Tx) error {
		if err := lockUser(ctx, tx, user.ID); err != nil {
			return err
		}
		err := database.ExecOne(ctx, tx, `INSERT INTO devices (user_id, id, name, used)
			SELECT user_id, device, $1, created FROM sessions WHERE id = $2 AND user_id = $3 AND device <> ''
			ON CONFLICT (user_id, id) DO UPDATE SET name = excluded.name`, name, session, user.ID)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM devices WHERE user_id = $1 AND (name = '' OR id IN (
			SELECT id FROM devices WHERE user_id = $1 ORDER BY used DESC, id LIMIT $2 OFFSET $3))`, user.ID, math.MaxInt32, MaxDevices)
		return err
	})
}

// useDevice notes that a user has signed in on a device.
func useDevice(ctx context.Context, tx *sqlx.Tx, user *User, device string, now Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE devices SET used = $1 WHERE user_id = $2 AND id = $3`, now, user.ID, device)
	return err
}
