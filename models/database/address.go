package database

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"regexp"
	"strings"
)

// ErrAddress says that an address is neither a path nor that of a PostgreSQL database. It
// does not repeat the address, which may have a password.
var ErrAddress = errors.New("the address of a database is the path of a file, or begins with postgres:// as in postgres://USER@HOST/DATABASE")

// IsURL tells whether an address is that of a PostgreSQL database or meant as such, and
// not a path.
func IsURL(address string) bool { return isPostgres(address) || otherAddress.MatchString(address) }

func isPostgres(address string) bool {
	return strings.HasPrefix(address, "postgres://") || strings.HasPrefix(address, "postgresql://")
}

// otherAddress begins what is meant as the address of a server, and is none that Open knows.
var otherAddress = regexp.MustCompile(`^\s*([A-Za-z][\w+.-]*://|(host|hostaddr|port|user|password|dbname|service|sslmode)\s*=)`)

// HasPassword tells whether an address that can be opened has a password in it.
func HasPassword(address string) bool { return isPostgres(address) && Redacted(address) != address }

// Redacted is an address without its password, for logs and sentences.
func Redacted(address string) string {
	if !IsURL(address) {
		return address
	}
	parsed, err := url.Parse(address)
	if err != nil { // whose error would repeat the address
		scheme, _, _ := strings.Cut(address, "://")
		return scheme + "://…"
	}
	query := parsed.Query()
	hidden := false
	for _, name := range []string{"password", "sslpassword"} {
		if query.Has(name) {
			query.Set(name, "xxxxx")
			hidden = true
		}
	}
	if _, set := parsed.User.Password(); !set && !hidden {
		return address
	}
	if hidden {
		parsed.RawQuery = query.Encode()
	}
	return parsed.Redacted()
}

// Exists tells whether there may be a database at an address: whether a PostgreSQL
// server has one shows when it is opened.
func Exists(address string) bool {
	if IsURL(address) {
		return true
	}
	_, err := os.Stat(address)
	return !errors.Is(err, fs.ErrNotExist)
}
