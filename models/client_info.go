package models

import (
	"context"
	"database/sql"
	"errors"

	"github.com/jmoiron/sqlx"
)

// ClientInfo describes who sent a request. Events and log lines are written with it.
type ClientInfo struct {
	Address   string // IP address
	Browser   string // in words: Firefox on Android
	Version   string // of the browser, if it says so; only sessions store it
	Request   string // the request's ID in the log; it is not stored
	Author    string // ID of the administrator who acts on another user, or byCommandLine; empty: the user
	Device    string // identifies the browser, if this account has signed in with it before; it is not stored
	NewDevice string // of a sign-in with a browser that this account has not used before: hash of the browser's ID
	Changing  string // of a change to the second factors that the user's other sessions are warned of: hash of the browser's ID
	Session   string // ID of the account's session that the request has, if any; it is not stored
}

// CommandLine is the client of what is done with the program's commands.
var CommandLine = ClientInfo{Browser: byCommandLine, Author: byCommandLine}

// byCommandLine is the author of what is done on the command line. No user can have
// this ID or name.
const byCommandLine = "command line"

// ErrNotAdmin says that the author of an action on another user is no longer an administrator.
var ErrNotAdmin = errors.New("no administrator any more")

// administrators is what transactions name that change who administers the site, or act
// as one of them. They run one after the other: an act by somebody who is an administrator
// no more would stay.
const administrators = "administrators"

// authorName returns the name of the author, who must still be an administrator to act on another user.
func (db *DB) authorName(ctx context.Context, tx *sqlx.Tx, from ClientInfo) (name string, err error) {
	if from.Author == "" || from.Author == byCommandLine {
		return from.Author, nil
	}
	if err := db.LockRule(ctx, tx, administrators); err != nil {
		return "", err
	}
	err = tx.GetContext(ctx, &name, `SELECT name FROM users WHERE id = $1 AND role = $2 AND NOT disabled`, from.Author, Admin)
	if errors.Is(err, sql.ErrNoRows) {
		return "", ErrNotAdmin
	}
	return name, err
}
