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
type Level = database.Level

// The levels.
const (
	OK      = database.OK
	Warning = database.Warning
	Failed  = database.Failed
)

// Finding is one line of the doctor's report.
type Finding = database.Finding

func finding(level Level, about, found, fix string) Finding {
	return Finding{Level: level, About: about, Found: found, Fix: fix}
}

// Below these limits the doctor warns about the disk, or reports a failure.
const (
	littleSpace = 256 << 20 // bytes
	noSpace     = 16 << 20
)

// Diagnose looks for problems with the database, the users and the clock.
func (db *DB) Diagnose(ctx context.Context) []Finding {
	return append(append(db.Examine(ctx), db.diagnoseClock(ctx), db.diagnoseUsers(ctx)), db.diagnoseFactors(ctx)...)
}

// DiagnoseFiles looks for what is wrong with the files of a database, and with
// the folder and the disk that they are on, or will be on after the first start. A
// database at a URL has none here.
func DiagnoseFiles(path string) []Finding {
	if database.IsURL(path) {
		return nil
	}
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
		return append(found, finding(Failed, "permissions", there+" can't be written", "give the user who runs this program write permission on it"))
	}
	return append(found, diagnoseModes(path)...)
}

func diagnoseSpace(folder string) Finding {
	const about = "disk space"
	free, err := freeSpace(folder)
	if err != nil {
		return finding(Warning, about, "can't be read: "+err.Error(), "")
	}
	said := humanize.IBytes(free) + " free"
	switch {
	case free < noSpace:
		return finding(Failed, about, said, "make room: sign-ins fail when the disk is full")
	case free < littleSpace:
		return finding(Warning, about, said, "make room before sign-ins fail")
	}
	return finding(OK, about, said, "")
}

// diagnoseModes says who else may read the files, or put others in their place.
func diagnoseModes(path string) []Finding {
	var found []Finding
	folder := filepath.Dir(path)
	if info, err := os.Stat(folder); err == nil {
		warn := func(what string) {
			found = append(found, finding(Warning, "permissions", folder+" "+what+": whoever may write there can replace the database", "use a folder of the user who runs this program"))
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
		found = append(found, finding(OK, "permissions", "only their owner may read the files, and write to the folder", ""))
	}
	return found
}

func openToOthers(name string, info fs.FileInfo) Finding {
	return finding(Warning, "permissions", fmt.Sprintf("%s is open to others (%o)", name, info.Mode().Perm()), "chmod go-rwx "+name)
}

// DiagnoseSecretFile says whether others may read the secrets.
func DiagnoseSecretFile(path string) Finding {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return finding(OK, "secret file", path+" does not exist yet: created at the start", "")
	}
	if err != nil {
		return finding(Failed, "secret file", err.Error(), "put it back, or remove it to have a new one made")
	}
	if info.Mode().Perm()&0o077 != 0 {
		found := openToOthers(path, info)
		found.Level, found.About = Failed, "secret file"
		return found
	}
	return finding(OK, "secret file", path+" is its owner's alone", "")
}

const setTheClock = "set the clock (timedatectl set-ntp true): sessions end by it"

func skewLevel(skew time.Duration) Level {
	switch skew = skew.Abs(); {
	case skew > maxClockSkew:
		return Failed
	case skew > clockSkewWarning:
		return Warning
	}
	return OK
}

func skewSentence(skew time.Duration) string {
	direction := "ahead of"
	if skew < 0 {
		direction = "behind"
	}
	return fmt.Sprintf("the clock of this machine is %s %s that of the database", skew.Abs().Round(time.Second/10), direction)
}

// CheckClock is called before the database is served. It returns an error if the clock of
// this machine is too far from the database's, and logs it if it is not quite right.
func (db *DB) CheckClock(ctx context.Context) error {
	skew, err := db.ClockSkew(ctx)
	if err != nil {
		return fmt.Errorf("read the clock of the database: %w", err)
	}
	switch skewLevel(skew) {
	case Failed:
		return fmt.Errorf("%s; %s", skewSentence(skew), setTheClock)
	case Warning:
		db.Log.Warn(skewSentence(skew) + "; " + setTheClock)
	}
	return nil
}

func (db *DB) diagnoseClock(ctx context.Context) Finding {
	const about = "clock"
	var latest Time
	if err := db.SQL.GetContext(ctx, &latest, `SELECT COALESCE(MAX(at), 0) FROM events`); err != nil {
		return finding(Failed, about, err.Error(), "")
	}
	skew, err := db.ClockSkew(ctx)
	if err != nil {
		return finding(Failed, about, err.Error(), "")
	}
	if level := skewLevel(skew); level != OK {
		return finding(level, about, skewSentence(skew), setTheClock)
	}
	now := db.Time()
	if ahead := latest.Sub(now.Time); ahead > time.Minute {
		return finding(Failed, about, fmt.Sprintf("it shows %s, and the latest event is of %s", now.Format(time.DateTime), latest.Format(time.DateTime)), setTheClock)
	}
	return finding(OK, about, now.Format(time.DateTime)+" UTC", "")
}

func (db *DB) diagnoseUsers(ctx context.Context) Finding {
	var count struct{ Users, Admins int }
	if err := db.SQL.GetContext(ctx, &count, `SELECT COUNT(*) AS users, COUNT(CASE WHEN role = $1 AND NOT disabled THEN 1 END) AS admins FROM users`, Admin); err != nil {
		return finding(Failed, "users", err.Error(), "")
	}
	switch {
	case count.Users == 0:
		return finding(OK, "users", "there is none yet: the link that the terminal shows at the start makes the first one", "")
	case count.Admins == 0:
		return finding(Warning, "users", "nobody administers the site", "daypass user add NAME --admin")
	}
	return finding(OK, "users", fmt.Sprintf("%d may administer the site", count.Admins), "")
}
