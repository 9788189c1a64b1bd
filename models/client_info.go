package models

import (
	"context"
	"database/sql"
	"errors"

	"github.com/jmoiron/sqlx"
)

// ClientInfo is where a request came from. The zero value is the command line.
type ClientInfo struct {
	Address string // IP address
	Browser string // in words: Firefox on Android
	Request string // the request's ID in the log; it is not stored
	Author  string // ID of an administrator who acts on somebody else, or byCommandLine
	Device  string // names the browser, when this account has signed in there before; it is not stored
}

// CommandLine is the origin of what whoever runs the program does beside it.
var CommandLine = ClientInfo{Browser: byCommandLine, Author: byCommandLine}

// byCommandLine is the author of what is done on the command line. No user has
// such an ID or name.
const byCommandLine = "command line"

// ErrNotAdmin says that who acts on somebody else is no administrator any more.
var ErrNotAdmin = errors.New("no administrator any more")

// authorName returns the name of who acts on somebody else, if that is still an administrator.
func authorName(ctx context.Context, tx *sqlx.Tx, from ClientInfo) (name string, err error) {
	if from.Author == "" || from.Author == byCommandLine {
		return from.Author, nil
	}
	err = tx.GetContext(ctx, &name, `SELECT name FROM users WHERE id = $1 AND role = $2 AND NOT disabled`, from.Author, Admin)
	if errors.Is(err, sql.ErrNoRows) {
		return "", ErrNotAdmin
	}
	return name, err
}
