package models

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/dustin/go-humanize"

	"daypass/models/database"
)

// Level says how serious a finding is.
type Level string

// The levels.
const (
	OK      Level = "ok"
	Warning Level = "warning"
	Failed  Level = "wrong"
)

// Finding is one line of the doctor's report.
type Finding struct {
	Level Level  `json:"level"`
	About string `json:"about"`
	Found string `json:"found"`
	Fix   string `json:"do,omitempty"` // what to do about it
}

// Below these limits the doctor warns about the disk, or reports a failure.
const (
	littleSpace = 256 << 20 // bytes
	noSpace     = 16 << 20
)

// Diagnose looks for problems with the content of the database, the users
// and the clock.
func (db *DB) Diagnose(ctx context.Context) []Finding {
	return append([]Finding{db.diagnoseContent(ctx), db.diagnoseSettings(ctx), db.diagnoseClock(ctx), db.diagnoseUsers(ctx)}, db.diagnoseFactors(ctx)...)
}

// DiagnoseFiles looks for what is wrong with the files of a database, and with
// the folder and the disk that they are on, or will be on after the first start.
func DiagnoseFiles(path string) []Finding {
	folder := filepath.Dir(path)
	there := folder
	for { // the folder is made in the one nearest to it that is there
		if _, err := os.Stat(there); err == nil || filepath.Dir(there) == there {
			break
		}
		there = filepath.Dir(there)
	}
	found := []Finding{diagnoseSpace(there)}
	if !writable(there) {
		return append(found, Finding{Failed, "permissions", there + " can't be written", "give the user who runs this program write permission on it"})
	}
	return append(found, diagnoseModes(path)...)
}

func (db *DB) diagnoseContent(ctx context.Context) Finding {
	about := "database"
	damage, err := db.Damage(ctx)
	if err != nil {
		return Finding{Failed, about, database.Explain(db.Path(), err).Error(), "restore a copy"}
	}
	if damage != "" {
		return Finding{Failed, about, db.Path() + " is damaged: " + damage, "restore a copy, or save what is left with: sqlite3 FILE .recover"}
	}
	if db.IsCopy() {
		return Finding{Warning, about, db.Path() + " is a copy that was put in place", "expect the next start to end all sessions and password links in it"}
	}
	version, err := db.SchemaVersion(ctx)
	if err != nil {
		return Finding{Failed, about, err.Error(), "restore a copy"}
	}
	return Finding{OK, about, fmt.Sprintf("%s is whole, schema version %d", db.Path(), version), ""}
}

func (db *DB) diagnoseSettings(ctx context.Context) Finding {
	const about = "durability"
	settings, safe, err := db.Settings(ctx)
	switch {
	case err != nil:
		return Finding{Failed, about, err.Error(), "see what the disk and the system's log say"}
	case !safe:
		return Finding{Failed, about, settings, "put the database on a local disk: network file systems can't keep it safe"}
	}
	return Finding{OK, about, settings, ""}
}

func diagnoseSpace(folder string) Finding {
	const about = "disk space"
	free, err := freeSpace(folder)
	if err != nil {
		return Finding{Warning, about, "can't be read: " + err.Error(), ""}
	}
	said := humanize.IBytes(free) + " free"
	switch {
	case free < noSpace:
		return Finding{Failed, about, said, "make room: sign-ins fail when the disk is full"}
	case free < littleSpace:
		return Finding{Warning, about, said, "make room before sign-ins fail"}
	}
	return Finding{OK, about, said, ""}
}

// diagnoseModes says who else may read the files, or put others in their place.
func diagnoseModes(path string) []Finding {
	var found []Finding
	folder := filepath.Dir(path)
	if info, err := os.Stat(folder); err == nil {
		warn := func(what string) {
			found = append(found, Finding{Warning, "permissions", folder + " " + what + ": whoever may write there can replace the database", "use a folder of the user who runs this program"})
		}
		if info.Mode().Perm()&0o022 != 0 && info.Mode()&fs.ModeSticky == 0 {
			warn(fmt.Sprintf("may be written by others (%o)", info.Mode().Perm()))
		} else if !owned(info) {
			warn("belongs to another user")
		}
	}
	for _, name := range database.Files(path) {
		if info, err := os.Stat(name); err == nil && info.Mode().Perm()&0o077 != 0 {
			found = append(found, openToOthers(name, info))
		}
	}
	if len(found) == 0 {
		found = append(found, Finding{OK, "permissions", "only their owner may read the files, and write to the folder", ""})
	}
	return found
}

func openToOthers(name string, info fs.FileInfo) Finding {
	return Finding{Warning, "permissions", fmt.Sprintf("%s is open to others (%o)", name, info.Mode().Perm()), "chmod go-rwx " + name}
}

// DiagnoseSecretFile says whether others may read the secrets.
func DiagnoseSecretFile(path string) Finding {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Finding{OK, "secret file", path + " does not exist yet: created at the start", ""}
	}
	if err != nil {
		return Finding{Failed, "secret file", err.Error(), "put it back, or remove it to have a new one made"}
	}
	if info.Mode().Perm()&0o077 != 0 {
		found := openToOthers(path, info)
		found.Level, found.About = Failed, "secret file"
		return found
	}
	return Finding{OK, "secret file", path + " is its owner's alone", ""}
}

func (db *DB) diagnoseClock(ctx context.Context) Finding {
	const about = "clock"
	var latest Time
	if err := db.SQL.GetContext(ctx, &latest, `SELECT COALESCE(MAX(at), 0) FROM events`); err != nil {
		return Finding{Failed, about, err.Error(), ""}
	}
	now := db.Time()
	if ahead := latest.Sub(now.Time); ahead > time.Minute {
		return Finding{Failed, about, fmt.Sprintf("it shows %s, and the latest event is of %s", now.Format(time.DateTime), latest.Format(time.DateTime)), "set the clock (timedatectl set-ntp true): sessions end by it"}
	}
	return Finding{OK, about, now.Format(time.DateTime) + " UTC", ""}
}

func (db *DB) diagnoseUsers(ctx context.Context) Finding {
	var count struct{ Users, Admins int }
	if err := db.SQL.GetContext(ctx, &count, `SELECT COUNT(*) AS users, COUNT(CASE WHEN role = $1 AND NOT disabled THEN 1 END) AS admins FROM users`, Admin); err != nil {
		return Finding{Failed, "users", err.Error(), ""}
	}
	switch {
	case count.Users == 0:
		return Finding{OK, "users", "there is none yet: the link that the terminal shows at the start makes the first one", ""}
	case count.Admins == 0:
		return Finding{Warning, "users", "nobody administers the site", "daypass user add NAME --admin"}
	}
	return Finding{OK, "users", fmt.Sprintf("%d may administer the site", count.Admins), ""}
}
