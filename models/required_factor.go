package models

import (
	"context"
	"fmt"
	"time"

	"github.com/dustin/go-humanize/english"
	"github.com/jmoiron/sqlx"
)

// SecondFactorRule says who has to have a second factor.
type SecondFactorRule struct {
	// For is who: NoOne, Admins or Everybody.
	For RequiredFor
	// Grace is how long a user may still sign in without one. It begins at the first
	// sign-in to which the rule applies.
	Grace time.Duration
}

// RequiredFor is whom a rule applies to.
type RequiredFor string

// Whom a second factor can be required for. The zero value is NoOne, too.
const (
	NoOne     RequiredFor = "off"
	Admins    RequiredFor = "admins"
	Everybody RequiredFor = "everybody"
)

// dueAtOnce is the time by which somebody owes a second factor who has become an
// administrator: in the administration at once, and elsewhere from the next sign-in on.
const dueAtOnce = 1

func (r SecondFactorRule) appliesTo(user *User) bool {
	return !user.HasSecondFactor() && (r.For == Everybody || r.For == Admins && user.IsAdmin())
}

// FactorDueBy returns until when a user may still sign in without the second factor that
// is required, or false if none is, or there is one. For one who owes it at once, that is now.
func (db *DB) FactorDueBy(user *User) (due Time, owes bool) {
	if !db.SecondFactor.appliesTo(user) {
		return Time{}, false
	}
	if !user.wasAsked() {
		return Time{Time: db.Time().Add(db.SecondFactor.Grace)}, true
	}
	if user.FactorDue.Unix() == dueAtOnce {
		return db.Time(), true
	}
	return user.FactorDue, true
}

// wasAsked tells whether a second factor was ever required of a user. A user who was just
// added and not read back has the zero time, which is before 1970.
func (u *User) wasAsked() bool { return u.FactorDue.Unix() > 0 }

// OwesAtOnce tells whether a user may not open the administration before there is a second factor.
func (db *DB) OwesAtOnce(user *User) bool {
	return db.SecondFactor.appliesTo(user) && user.FactorDue.Unix() == dueAtOnce
}

// overdue tells whether a session has ended because the second factor that it owed is not there.
func (db *DB) overdue(session *Session) bool {
	due := session.User.FactorDue
	return db.SecondFactor.appliesTo(&session.User) && due.Unix() > dueAtOnce && !due.After(db.Time().Time)
}

// startGrace notes at a sign-in until when a user may do without the second factor that is required.
func (db *DB) startGrace(ctx context.Context, tx *sqlx.Tx, user *User) error {
	if !db.SecondFactor.appliesTo(user) || user.wasAsked() {
		return nil
	}
	user.FactorDue = Time{Time: db.Time().Add(db.SecondFactor.Grace)}
	_, err := tx.ExecContext(ctx, `UPDATE users SET factor_due = $1 WHERE id = $2 AND factor_due = 0`, user.FactorDue, user.ID)
	return err
}

// oweAtOnce notes that a user has become an administrator, if those need a second factor.
func (db *DB) oweAtOnce(ctx context.Context, tx *sqlx.Tx, user *User) error {
	if db.SecondFactor.For != Admins && db.SecondFactor.For != Everybody {
		return nil
	}
	_, err := tx.ExecContext(ctx, `UPDATE users SET factor_due = $1 WHERE id = $2 AND factors = ''`, dueAtOnce, user.ID)
	return err
}

// endOverdue ends the sessions of those who owe a second factor whose time is over.
func (db *DB) endOverdue(ctx context.Context) error {
	role := Admin
	switch db.SecondFactor.For {
	case Everybody:
		role = ""
	case Admins:
	default:
		return nil
	}
	var ids []string
	const overdue = `user_id IN (SELECT id FROM users WHERE factors = '' AND factor_due > $1 AND factor_due <= $2 AND ($3 = '' OR role = $3))`
	if err := db.SQL.SelectContext(ctx, &ids, `SELECT id FROM sessions WHERE `+overdue+` LIMIT 1`, dueAtOnce, db.Time(), role); err != nil || len(ids) == 0 {
		return err
	}
	return db.Write(ctx, func(tx *sqlx.Tx) error {
		return endSessionsOfMany(ctx, tx, overdue, dueAtOnce, db.Time(), role)
	})
}

// factorUse is who has a second factor.
type factorUse struct {
	users, protected, owing int
	admins                  []string // names of those without one
	owe                     []string // names of those who owe one
	untested                []string // names of those who have never tested their recovery codes
}

func (db *DB) factorUse(ctx context.Context) (use factorUse, err error) {
	owes := `FALSE`
	switch db.SecondFactor.For {
	case Everybody:
		owes = `factors = ''`
	case Admins:
		owes = `factors = '' AND role = 'admin'`
	}
	for count, condition := range map[*int]string{&use.users: `TRUE`, &use.protected: `factors <> ''`, &use.owing: owes} {
		if err := db.SQL.GetContext(ctx, count, `SELECT COUNT(*) FROM users WHERE NOT disabled AND `+condition); err != nil {
			return use, err
		}
	}
	for names, condition := range map[*[]string]string{
		&use.owe:      owes,
		&use.admins:   `factors = '' AND role = 'admin'`,
		&use.untested: `factors <> '' AND codes_checked = 0`,
	} {
		if err := db.SQL.SelectContext(ctx, names, `SELECT name FROM users WHERE NOT disabled AND `+condition+` ORDER BY name_key LIMIT $1`, namesShown); err != nil {
			return use, err
		}
	}
	return use, nil
}

// namesShown is how many names a line of the doctor lists.
const namesShown = 10

// SeedsPerSecret counts the authenticator apps whose seeds are encrypted with each
// secret, by the fingerprint of the secret.
func (db *DB) SeedsPerSecret(ctx context.Context) (map[string]int, error) {
	var counted []struct {
		Signer string
		Count  int
	}
	if err := db.SQL.SelectContext(ctx, &counted, `SELECT signer, COUNT(*) AS count FROM authenticators GROUP BY signer`); err != nil {
		return nil, err
	}
	seeds := make(map[string]int)
	for _, row := range counted {
		seeds[row.Signer] = row.Count
	}
	return seeds, nil
}

// UsersOfSeeds returns the names of the users whose seeds are encrypted with a secret.
func (db *DB) UsersOfSeeds(ctx context.Context, secret string) (names []string, err error) {
	err = db.SQL.SelectContext(ctx, &names, `SELECT name FROM users WHERE id IN (SELECT user_id FROM authenticators WHERE signer = $1) ORDER BY name_key LIMIT $2`, secret, namesShown)
	return names, err
}

// diagnoseFactors says who has a second factor, who owes one, and who may not have the
// recovery codes.
func (db *DB) diagnoseFactors(ctx context.Context) []Finding {
	const about = "second factor"
	use, err := db.factorUse(ctx)
	if err != nil {
		return []Finding{{Level: Failed, About: about, Found: err.Error()}}
	}
	found := []Finding{{Level: OK, About: about, Found: fmt.Sprintf("%d of %s have one", use.protected, english.Plural(use.users, "user", ""))}}
	if use.owing > 0 {
		found[0].Level, found[0].Found = Warning, found[0].Found+"; those who still need one: "+english.OxfordWordSeries(use.owe, "and")
		found[0].Fix = "ask them to set one up, on the page Security"
	} else if len(use.admins) > 0 {
		found[0].Found += "; administrators without one: " + english.OxfordWordSeries(use.admins, "and")
		found[0].Fix = "require it of them with --second-factor admins"
	}
	if len(use.untested) > 0 {
		found = append(found, Finding{Level: OK, About: "recovery codes", Found: "never tested by " + english.OxfordWordSeries(use.untested, "and"), Fix: "ask them to test one, on the page Security"})
	}
	return found
}
