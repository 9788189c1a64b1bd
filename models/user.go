package models

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/jmoiron/sqlx"

	"daypass/models/database"
	"daypass/models/password"
)

// Role says what a user may do.
type Role string

// The roles.
const (
	Member Role = "member"
	Admin  Role = "admin"
)

// User is a person who may sign in.
type User struct {
	ID       string        `db:"id" json:"id"`
	Name     string        `db:"name" json:"name"`
	FullName string        `db:"full_name" json:"full_name"`
	Role     Role          `db:"role" json:"role"`
	Disabled bool          `db:"disabled" json:"disabled"`
	Created  Time          `db:"created" json:"created"`
	Active   Time          `db:"last_active" json:"last_active"` // when the user was last seen, to a minute; zero seconds: never
	Theme    Theme         `db:"theme" json:"theme,omitempty"`
	Password password.Hash `db:"password" json:"-"`
	// Factors is empty if the user has no second factor. Else it is random, and another
	// one whenever a factor is added, replaced or removed.
	Factors   string `db:"factors" json:"-"`
	FactorDue Time   `db:"factor_due" json:"-"` // when a second factor that is required has to be there; 1970: nobody has asked for it
	Version   int64  `db:"version" json:"-"`    // changes whenever something changes that pages show about the user
}

// IsAdmin tells whether the user administers the site.
func (u *User) IsAdmin() bool { return u.Role == Admin }

// HasPassword tells whether the user has a password. Somebody who was invited has none at
// first, and somebody whom a passkey signs in may have removed it.
func (u *User) HasPassword() bool { return password.PHC(u.Password) != "" }

// IsInvited tells whether nothing signs the user in but a link that sets a password.
func (u *User) IsInvited() bool { return !u.HasPassword() && !u.HasSecondFactor() }

// HasSecondFactor tells whether a password alone doesn't sign the user in.
func (u *User) HasSecondFactor() bool { return u.Factors != "" }

// DisplayName is what pages call the user who is signed in: the full name, or else
// the username.
func (u *User) DisplayName() string {
	if u.FullName != "" {
		return u.FullName
	}
	return u.Name
}

// Names is what pages call the user to others: the username, which is unique, with
// the full name, which isn't, after it.
func (u *User) Names() string {
	if u.FullName != "" {
		return u.Name + " (" + u.FullName + ")"
	}
	return u.Name
}

// WasActive tells whether the user has ever signed in.
func (u *User) WasActive() bool { return u.Active.Unix() > 0 }

// nameKey is the form of the username that is compared.
func (u *User) nameKey() string {
	_, compared, _ := Username(u.Name)
	return compared
}

const userColumns = `id, name, full_name, role, disabled, created, theme, last_active, password, version, factors, factor_due`

// ErrLastAdmin says that a change would leave nobody who administers the site.
var ErrLastAdmin = errors.New("this is the last administrator")

// HasUsers tells whether there is a user.
func (db *DB) HasUsers(ctx context.Context) (bool, error) {
	if db.hasUsers.Load() {
		return true, nil
	}
	var found bool
	err := db.SQL.GetContext(ctx, &found, `SELECT EXISTS (SELECT 1 FROM users)`)
	if err == nil && found {
		db.hasUsers.Store(true)
	}
	return found, err
}

// User returns the user with this username, compared as Username says, or ErrNotFound.
func (db *DB) User(ctx context.Context, name string) (*User, error) {
	_, compared, ok := Username(name)
	if !ok {
		return nil, ErrNotFound
	}
	return db.userWhere(ctx, `name_key = $1`, compared)
}

// UserByID returns the user with this ID, or ErrNotFound.
func (db *DB) UserByID(ctx context.Context, id string) (*User, error) {
	return db.userWhere(ctx, `id = $1`, id)
}

// UsersByID returns those users of some that are there, by username.
func (db *DB) UsersByID(ctx context.Context, ids []string) (users []User, err error) {
	where := database.Conditions{}
	where.AddIn(`id`, ids)
	err = db.SQL.SelectContext(ctx, &users, `SELECT `+userColumns+` FROM users`+where.Where()+` ORDER BY name_key`, where.Values...)
	return users, err
}

// userWhere returns the user for whom a condition holds, or ErrNotFound.
func (db *DB) userWhere(ctx context.Context, condition string, args ...any) (*User, error) {
	var user User
	err := db.SQL.GetContext(ctx, &user, `SELECT `+userColumns+` FROM users WHERE `+condition, args...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return &user, nil
}

// Users returns the users that a filter selects, by name.
func (db *DB) Users(ctx context.Context, filter UserFilter) ([]User, error) {
	users, where := []User{}, database.Conditions{} // an empty list in JSON, not null, if there are none
	db.userConditions(filter, &where)
	err := db.SQL.SelectContext(ctx, &users, `SELECT `+userColumns+` FROM users`+where.Where()+` ORDER BY name_key`, where.Values...)
	return users, err
}

// UserFilter selects and sorts users. The zero value selects all, by username.
type UserFilter struct {
	Text   string // words of the username and the full name
	Role   Role
	State  string // "enabled", "disabled" or "invited"
	Factor string // "none": no second factor; "owed": none, although one is required
	Added  Span
	Sort   Sort // by name, added or active
	Cursor Cursor
}

var userOrders = orders{
	"name":   {Column: `name_key`, ID: `id`},
	"added":  {Column: `created`, ID: `id`, Number: true},
	"active": {Column: `last_active`, ID: `id`, Number: true},
}

func (db *DB) userConditions(f UserFilter, where *database.Conditions) {
	where.Add(f.Role != "", `role = `, f.Role)
	where.AddIf(f.Factor == "none" || f.Factor == "owed", `factors = ''`)
	if f.Factor == "owed" && db.SecondFactor.For != Everybody {
		where.AddIf(db.SecondFactor.For != Admins, `FALSE`)
		where.Add(true, `role = `, Admin)
	}
	where.AddIf(f.State == "enabled", `NOT disabled AND (password <> '' OR factors <> '')`)
	where.AddIf(f.State == "disabled", `disabled`)
	where.AddIf(f.State == "invited", `NOT disabled AND password = '' AND factors = ''`)
	f.Added.addTo(where, `created`)
	where.AddText(f.Text, `search_key`)
}

// ListedUser is a user with what a list says of them.
type ListedUser struct {
	User
	Sessions int    // live ones
	App      bool   // there is an authenticator app
	Untested bool   // the recovery codes were never tested
	Owes     bool   // a second factor is required
	Place    Cursor `db:"place"` // in the list
}

// SearchUsers returns users, at most limit.
func (db *DB) SearchUsers(ctx context.Context, filter UserFilter, limit int) ([]ListedUser, error) {
	live, where := database.Conditions{}, database.Conditions{}
	db.addLive(&live, `s.`)
	where.Values = live.Values
	db.userConditions(filter, &where)
	order := userOrders.named(filter.Sort, "name")
	orderBy := where.AddCursor(order, filter.Cursor)
	var users []ListedUser
	err := db.SQL.SelectContext(ctx, &users, `SELECT `+userColumns+`,
		(SELECT COUNT(*) FROM sessions s WHERE s.user_id = users.id AND NOT users.disabled AND `+live.All()+`) AS sessions,
		EXISTS (SELECT 1 FROM authenticators a WHERE a.user_id = users.id) AS app, codes_checked = 0 AS untested, `+order.Place()+` FROM users`+
		where.Where()+orderBy+` LIMIT `+where.Place(limit), where.Values...)
	for i := range users {
		_, users[i].Owes = db.FactorDueBy(&users[i].User)
	}
	return inOrder(users, filter.Cursor), err
}

// CountUsers counts the users that a filter selects, and all, at most MaxCounted.
func (db *DB) CountUsers(ctx context.Context, filter UserFilter) (found, all int, err error) {
	where := database.Conditions{}
	db.userConditions(filter, &where)
	if all, err = db.count(ctx, ` FROM users`, database.Conditions{}); err != nil || where.All() == "" {
		return all, all, err
	}
	found, err = db.count(ctx, ` FROM users`, where)
	return found, all, err
}

// fillSearchKeys gives a search key to users from before there was one.
func (db *DB) fillSearchKeys(ctx context.Context) error {
	var missing bool
	if err := db.SQL.GetContext(ctx, &missing, `SELECT EXISTS (SELECT 1 FROM users WHERE search_key = '')`); err != nil || !missing {
		return err
	}
	err := db.Write(ctx, func(tx *sqlx.Tx) error {
		var users []User
		if err := tx.SelectContext(ctx, &users, `SELECT `+userColumns+` FROM users WHERE search_key = ''`); err != nil {
			return err
		}
		for _, user := range users {
			if _, err := tx.ExecContext(ctx, `UPDATE users SET search_key = $1 WHERE id = $2`, database.SearchKey(user.Name, user.FullName), user.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("fill search keys: %w", err)
	}
	return nil
}

// NewUser describes a user to add.
type NewUser struct {
	Name     string
	FullName string
	Password string
	Role     Role
}

// SetUp adds the first user, an administrator. It returns ErrNotFound if there is a
// user already, and a ValidationError if a field is refused.
func (db *DB) SetUp(ctx context.Context, asked NewUser, from ClientInfo) (*User, error) {
	asked.Role = Admin
	return db.addUser(ctx, asked, from, firstOnly)
}

// AddUser adds a user. It returns a ValidationError if a field is refused or
// the username is taken, and a BusyError if the limiter is full.
func (db *DB) AddUser(ctx context.Context, asked NewUser, from ClientInfo) (*User, error) {
	return db.addUser(ctx, asked, from, anyTime)
}

// When a user may be added.
const (
	anyTime   = ` WHERE TRUE`
	firstOnly = ` WHERE NOT EXISTS (SELECT 1 FROM users)`
)

// checkNewUser returns the user to add, without a password, and the form of the
// username that is compared; or a ValidationError.
func checkNewUser(asked NewUser) (user *User, compared string, err error) {
	refused := ValidationError{}
	name, compared, ok := Username(asked.Name)
	if !ok || !visible(name) {
		refused["username"] = usernameRule
	}
	full, complaint := fullName(asked.FullName)
	if complaint != "" {
		refused["full_name"] = complaint
	}
	if asked.Role != Admin && asked.Role != Member {
		refused["role"] = "A user is a member or an admin."
	}
	if len(refused) > 0 {
		return nil, "", refused
	}
	return &User{ID: rand.Text(), Name: name, FullName: full, Role: asked.Role}, compared, nil
}

// insertUser adds a user. It returns ErrNotFound if the username is taken or the
// condition does not hold.
func insertUser(ctx context.Context, tx *sqlx.Tx, user *User, compared, condition string) error {
	return database.ExecOne(ctx, tx, `INSERT INTO users (id, name, name_key, full_name, search_key, role, disabled, created, password)
		SELECT $1, $2, $3, $4, $5, $6, FALSE, CAST($7 AS BIGINT), $8`+condition+` ON CONFLICT (name_key) DO NOTHING`,
		user.ID, user.Name, compared, user.FullName, database.SearchKey(user.Name, user.FullName), user.Role, user.Created, password.PHC(user.Password))
}

func (db *DB) addUser(ctx context.Context, asked NewUser, from ClientInfo, condition string) (*User, error) {
	user, compared, err := checkNewUser(asked)
	refused := ValidationError{}
	if err != nil && !errors.As(err, &refused) {
		return nil, err
	}
	if complaint := password.Problem(asked.Password); complaint != "" {
		refused["password"] = complaint
	}
	if len(refused) > 0 {
		return nil, refused
	}
	user.Created = db.Time()
	if err := db.choosePassword(ctx, user, asked.Password); err != nil {
		return nil, err
	}
	err = db.writeWithEvents(ctx, from, func(tx *sqlx.Tx, record record) error {
		if condition == firstOnly {
			if err := db.LockRule(ctx, tx, "first user"); err != nil {
				return err
			}
		}
		if err := insertUser(ctx, tx, user, compared, condition); err != nil {
			return err
		}
		return record(UserAdded, user)
	})
	if errors.Is(err, ErrNotFound) && condition == anyTime {
		return nil, ValidationError{"username": "This username is taken."}
	}
	if err != nil {
		return nil, err
	}
	db.hasUsers.Store(true)
	return user, nil
}

// SetDisabled blocks a user from signing in and ends all sessions and password links
// of the user, or lets the user sign in again. It returns ErrLastAdmin if no enabled
// administrator would be left.
func (db *DB) SetDisabled(ctx context.Context, user *User, disabled bool, from ClientInfo) error {
	return db.writeWithEvents(ctx, from, func(tx *sqlx.Tx, record record) error {
		return db.requireAdminLeft(ctx, tx, func() error { return setDisabled(ctx, tx, record, user, disabled) })
	})
}

// SetAllDisabled does what SetDisabled does to several users, or to none of them if no
// enabled administrator would be left. It returns how many it changed: those that are
// there when it writes, and were not disabled or enabled already.
func (db *DB) SetAllDisabled(ctx context.Context, ids []string, disabled bool, from ClientInfo) (changed int, err error) {
	err = db.writeWithEvents(ctx, from, func(tx *sqlx.Tx, record record) error {
		changed = 0
		return db.requireAdminLeft(ctx, tx, func() error {
			for _, id := range slices.Sorted(slices.Values(ids)) {
				var user User
				err := tx.GetContext(ctx, &user, `SELECT `+userColumns+` FROM users WHERE id = $1 AND disabled <> $2`, id, disabled)
				if errors.Is(err, sql.ErrNoRows) {
					continue
				}
				if err == nil {
					err = setDisabled(ctx, tx, record, &user, disabled)
				}
				if err != nil {
					return err
				}
				changed++
			}
			return nil
		})
	})
	return changed, err
}

func setDisabled(ctx context.Context, tx *sqlx.Tx, record record, user *User, disabled bool) error {
	changed, err := updateUser(ctx, tx, user, `disabled`, disabled)
	if err != nil || !changed {
		return err
	}
	if !disabled {
		return record(UserEnabled, user)
	}
	if _, err := endAccess(ctx, tx, user, ""); err != nil {
		return err
	}
	if err := endLinksBy(ctx, tx, user); err != nil {
		return err
	}
	return record(UserDisabled, user)
}

// SetRole gives a user another role, which takes effect with the next request. It
// returns ErrLastAdmin if no enabled administrator would be left.
func (db *DB) SetRole(ctx context.Context, user *User, role Role, from ClientInfo) error {
	if role != Admin && role != Member {
		return ValidationError{"role": "A user is a member or an admin."}
	}
	return db.writeWithEvents(ctx, from, func(tx *sqlx.Tx, record record) error {
		changed := false
		err := db.requireAdminLeft(ctx, tx, func() (err error) {
			changed, err = updateUser(ctx, tx, user, `role`, role)
			return err
		})
		if err != nil || !changed {
			return err
		}
		if role == Admin {
			err = db.oweAtOnce(ctx, tx, user)
		} else {
			err = endLinksBy(ctx, tx, user)
		}
		if err != nil {
			return err
		}
		return record(RoleChanged, user)
	})
}

// lockUser lets no other transaction change a user until this one ends, nor conclude
// anything from what the user is now. A transaction locks its user before it touches
// anything of that user, and several users in order of their IDs: transactions that
// wait for each other in a circle have to be repeated. Only what is about everybody, such
// as Sweep and EndAllSessions, locks nobody first.
func lockUser(ctx context.Context, tx *sqlx.Tx, id string) error {
	_, err := tx.ExecContext(ctx, `UPDATE users SET version = version WHERE id = $1`, id)
	return err
}

// holding is lockUser for a user who may sign in with the same password and second factor
// as when the user was read.
const holding = `UPDATE users SET version = version WHERE id = $1 AND password = $2 AND factors = $3 AND NOT disabled`

// holdUser is [holding]. For any other user it returns ErrNotFound.
func holdUser(ctx context.Context, tx *sqlx.Tx, user *User) error {
	return database.ExecOne(ctx, tx, holding, user.ID, password.PHC(user.Password), user.Factors)
}

// holdUserWithRole is holdUser for a user whose role is the same, too.
func holdUserWithRole(ctx context.Context, tx *sqlx.Tx, user *User) error {
	return database.ExecOne(ctx, tx, holding+` AND role = $4`, user.ID, password.PHC(user.Password), user.Factors, user.Role)
}

// updateUser gives a column of a user another value, and tells whether it had another
// one before: what changes nothing is no event. It returns ErrNotFound if the user was
// removed.
func updateUser(ctx context.Context, tx *sqlx.Tx, user *User, column string, value any) (changed bool, err error) {
	var found int
	if err := lockUser(ctx, tx, user.ID); err != nil {
		return false, err
	}
	err = tx.GetContext(ctx, &found, `SELECT COUNT(*) FROM users WHERE id = $1 AND `+column+` = $2`, user.ID, value)
	if err != nil || found > 0 {
		return false, err
	}
	return true, database.ExecOne(ctx, tx, `UPDATE users SET `+column+` = $1 WHERE id = $2`, value, user.ID)
}

// endLinksBy deletes the password links that a user created, who is no longer an
// administrator: they must not work again if that role is given back.
func endLinksBy(ctx context.Context, tx *sqlx.Tx, author *User) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM links WHERE author_id = $1`, author.ID)
	return err
}

// SetFullName gives a user another full name, or none. It returns a
// ValidationError if the name is refused.
func (db *DB) SetFullName(ctx context.Context, user *User, name string, from ClientInfo) error {
	name, complaint := fullName(name)
	if complaint != "" {
		return ValidationError{"full_name": complaint}
	}
	return db.writeWithEvents(ctx, from, func(tx *sqlx.Tx, record record) error {
		changed, err := updateUser(ctx, tx, user, `full_name`, name)
		if err != nil || !changed {
			return err
		}
		if _, err := updateUser(ctx, tx, user, `search_key`, database.SearchKey(user.Name, name)); err != nil {
			return err
		}
		return record(NameChanged, user)
	})
}

// RemoveUser removes a user with all sessions and events. One event stays, which
// says that a user was removed but not which. It returns ErrLastAdmin if no enabled
// administrator would be left.
func (db *DB) RemoveUser(ctx context.Context, user *User, from ClientInfo) error {
	return db.removeUser(ctx, user, from, func(*sqlx.Tx) error { return nil })
}

// RemoveSelf removes a user who knows the password, or has none. It returns what
// ChangePassword and RemoveUser return.
func (db *DB) RemoveSelf(ctx context.Context, session *Session, plaintext string, from ClientInfo) error {
	if session.User.HasPassword() {
		if err := db.Confirm(ctx, session, plaintext, from); err != nil {
			return err
		}
	}
	return db.removeUser(ctx, &session.User, from, func(tx *sqlx.Tx) error {
		if err := holdUser(ctx, tx, &session.User); err != nil {
			return err
		}
		var holds bool
		err := tx.GetContext(ctx, &holds, `SELECT EXISTS (SELECT 1 FROM sessions WHERE id = $1)`, session.ID)
		if err == nil && !holds {
			return ErrNotFound // the session ended, or the user was disabled or got another password, during Confirm
		}
		return err
	})
}

// removeUser removes a user if the transaction in which that happens still allows it.
func (db *DB) removeUser(ctx context.Context, user *User, from ClientInfo, allowed func(*sqlx.Tx) error) error {
	err := db.writeWithEvents(ctx, from, func(tx *sqlx.Tx, record record) error {
		err := db.requireAdminLeft(ctx, tx, func() error {
			if err := allowed(tx); err != nil {
				return err
			}
			if _, err := endAccess(ctx, tx, user, ""); err != nil {
				return err
			}
			return database.ExecOne(ctx, tx, `DELETE FROM users WHERE id = $1`, user.ID)
		})
		if err != nil {
			return err
		}
		return record(UserRemoved, nil)
	})
	if err == nil {
		db.Log.Info("removed", "user", user.Name, "request", from.Request) // the only record of which user it was
	}
	return err
}

// requireAdminLeft makes a change that may affect an administrator. It returns
// ErrLastAdmin if there was an enabled administrator before and there is none after.
// Both are read in the transaction of the change, because what a caller read earlier
// may be outdated, and no other transaction changes administrators meanwhile. It comes
// before all other work of a transaction.
func (db *DB) requireAdminLeft(ctx context.Context, tx *sqlx.Tx, change func() error) error {
	if err := db.LockRule(ctx, tx, administrators); err != nil {
		return err
	}
	there := func() (found bool, err error) {
		err = tx.GetContext(ctx, &found, `SELECT EXISTS (SELECT 1 FROM users WHERE role = $1 AND NOT disabled)`, Admin)
		return found, err
	}
	before, err := there()
	if err != nil {
		return err
	}
	if err := change(); err != nil {
		return err
	}
	after, err := there()
	if err == nil && before && !after {
		return ErrLastAdmin
	}
	return err
}
