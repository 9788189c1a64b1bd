package models

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"strings"
	"unicode/utf8"

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
	Password password.Hash `db:"password" json:"-"`
	Version  int64         `db:"version" json:"-"` // another one with every change of what pages show about the user
}

// IsAdmin tells whether the user administers the site.
func (u *User) IsAdmin() bool { return u.Role == Admin }

// HasPassword tells whether the user has set a password: who was invited has none yet.
func (u *User) HasPassword() bool { return password.PHC(u.Password) != "" }

// Called is what to call the user to himself: the full name, or else the username.
func (u *User) Called() string {
	if u.FullName != "" {
		return u.FullName
	}
	return u.Name
}

// Names is what to call the user to others: the username, which is nobody else's,
// and behind it the full name, for which anybody may choose what another is called.
func (u *User) Names() string {
	if u.FullName != "" {
		return u.Name + " (" + u.FullName + ")"
	}
	return u.Name
}

// compared is the username as it is compared.
func (u *User) compared() string {
	_, compared, _ := Username(u.Name)
	return compared
}

const userColumns = `id, name, full_name, role, disabled, created, password, version`

// NewUser is what is asked about somebody who is to be added.
type NewUser struct {
	Name     string
	FullName string
	Password string
	Role     Role
}

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

// SetUp adds the first user, an administrator. It returns ErrNotFound when
// there is a user already, and an InvalidError when a field is refused.
func (db *DB) SetUp(ctx context.Context, asked NewUser, from Origin) (*User, error) {
	asked.Role = Admin
	return db.addUser(ctx, asked, from, firstOnly)
}

// AddUser adds a user. It returns an InvalidError when a field is refused or
// the username is taken, and a BusyError when the gate is full.
func (db *DB) AddUser(ctx context.Context, asked NewUser, from Origin) (*User, error) {
	return db.addUser(ctx, asked, from, anyTime)
}

// When a user may be added.
const (
	anyTime   = ` WHERE TRUE`
	firstOnly = ` WHERE NOT EXISTS (SELECT 1 FROM users)`
)

// checked returns the user that is asked for, without a password, and the
// username as it is compared; or an InvalidError.
func checked(asked NewUser) (user *User, compared string, err error) {
	refused := InvalidError{}
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

// insertUser adds a user. It returns ErrNotFound when the username is taken or
// the condition does not hold.
func insertUser(ctx context.Context, tx *sqlx.Tx, user *User, compared, condition string) error {
	return database.ExecOne(ctx, tx, `INSERT INTO users (id, name, name_key, full_name, search_key, role, disabled, created, password)
		SELECT $1, $2, $3, $4, $5, $6, FALSE, CAST($7 AS BIGINT), $8`+condition+` ON CONFLICT (name_key) DO NOTHING`,
		user.ID, user.Name, compared, user.FullName, database.SearchKey(user.Name, user.FullName), user.Role, user.Created, password.PHC(user.Password))
}

func (db *DB) addUser(ctx context.Context, asked NewUser, from Origin, condition string) (*User, error) {
	user, compared, err := checked(asked)
	refused := InvalidError{}
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
	err = db.writeWithEvents(ctx, from, func(tx *sqlx.Tx, note note) error {
		if err := insertUser(ctx, tx, user, compared, condition); err != nil {
			return err
		}
		return note(UserAdded, user)
	})
	if errors.Is(err, ErrNotFound) && condition == anyTime {
		return nil, InvalidError{"username": "This username is taken."}
	}
	if err != nil {
		return nil, err
	}
	db.hasUsers.Store(true)
	return user, nil
}

// choosePassword gives the user the hash of a new password, or returns an
// InvalidError when that is refused. Whether it is guessed first is judged in
// the gate too: that costs about what a hash costs.
func (db *DB) choosePassword(ctx context.Context, user *User, plaintext string) error {
	if complaint := password.Problem(plaintext); complaint != "" {
		return InvalidError{"password": complaint}
	}
	return db.limiter.Run(ctx, func() error {
		if complaint := password.Guessable(plaintext, user.Name, user.FullName); complaint != "" {
			return InvalidError{"password": complaint}
		}
		user.Password = password.New(plaintext)
		return nil
	})
}

// User returns the user with this username, compared as Username says, or ErrNotFound.
func (db *DB) User(ctx context.Context, name string) (*User, error) {
	_, compared, ok := Username(name)
	if !ok {
		return nil, ErrNotFound
	}
	return db.userWhere(ctx, `name_key = $1`, compared)
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

// Users returns all users by name.
func (db *DB) Users(ctx context.Context) ([]User, error) {
	users := []User{} // which is a list in JSON, too, when there are none
	err := db.SQL.SelectContext(ctx, &users, `SELECT `+userColumns+` FROM users ORDER BY name_key`)
	return users, err
}

// ErrRefused says that a username and a password don't open an account, and
// not why.
var ErrRefused = errors.New("the username or the password is wrong")

// Authenticate returns the user whom a username and a password name. It returns
// ErrRefused when they are wrong or the user is disabled, which all cost the same time and
// leave the same event; an InvalidError for what can be nobody's and leaves
// none; a ThrottledError after too many failures; and a BusyError when the gate
// is full.
func (db *DB) Authenticate(ctx context.Context, name, plaintext string, from Origin) (*User, error) {
	refused := InvalidError{}
	if strings.TrimSpace(name) == "" {
		refused["username"] = "Enter your username."
	}
	if complaint := password.Implausible(plaintext); complaint != "" {
		refused["password"] = complaint
	}
	if len(refused) > 0 {
		return nil, refused
	}
	_, compared, ok := Username(name)
	if !ok || !utf8.ValidString(plaintext) || strings.ContainsRune(plaintext, 0) {
		return nil, ErrRefused
	}
	user, err := db.User(ctx, name)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	return user, db.verify(ctx, user, compared, plaintext, from)
}

// verify checks the password of a user, or of nobody, at the same cost.
func (db *DB) verify(ctx context.Context, user *User, account, plaintext string, from Origin) (err error) {
	stored := db.dummyHash
	if user != nil {
		if stored, err = password.Parse(user.Password); !user.HasPassword() {
			stored = db.dummyHash // invited, and has set none yet
		} else if err != nil {
			db.Log.Error("a user's password hash is damaged; set a new password", "user", user.Name)
			stored = db.dummyHash
		}
	}
	limits := db.Throttle.limits(account, from)
	if err := db.tries.begin(ctx, limits); err != nil {
		if errors.As(err, new(*ThrottledError)) {
			db.throttled.Add(1)
		}
		return err
	}
	how := undecided
	defer func() { db.tries.end(limits, how) }()
	var matches bool
	err = db.limiter.Run(ctx, func() error {
		matches = stored.Matches(plaintext)
		return nil
	})
	if err != nil {
		return err
	}
	if !matches || user == nil || user.Disabled {
		if err := db.recordFailure(ctx, user, limits, from); err != nil {
			how = unwritten
			return err
		}
		how = failed
		db.rejected.Add(1)
		return ErrRefused
	}
	if err := db.tries.forgive(ctx, limits); err != nil {
		return err
	}
	how = succeeded
	if stored.Outdated() {
		return db.rehash(ctx, user, plaintext)
	}
	return nil
}

// rehash keeps a password that was just verified with the costs of today.
func (db *DB) rehash(ctx context.Context, user *User, plaintext string) error {
	before := password.PHC(user.Password)
	err := db.limiter.Run(ctx, func() error {
		user.Password = password.New(plaintext)
		return nil
	})
	if err != nil {
		return err
	}
	return db.Write(ctx, func(tx *sqlx.Tx) error {
		err := database.ExecOne(ctx, tx, `UPDATE users SET password = $1 WHERE id = $2 AND password = $3`, password.PHC(user.Password), user.ID, before)
		if errors.Is(err, ErrNotFound) {
			return ErrRefused // changed in the meantime: what was verified no longer holds
		}
		return err
	})
}

// SetPassword gives a user a new password, and ends all sessions and password
// links that the user has.
// It returns an InvalidError when the password is refused.
func (db *DB) SetPassword(ctx context.Context, user *User, plaintext string, from Origin) error {
	if err := db.choosePassword(ctx, user, plaintext); err != nil {
		return err
	}
	if err := db.tries.forgive(ctx, db.Throttle.limits(user.compared(), Origin{})); err != nil {
		return err
	}
	return db.writeWithEvents(ctx, from, func(tx *sqlx.Tx, note note) error {
		if err := database.ExecOne(ctx, tx, `UPDATE users SET password = $1 WHERE id = $2`, password.PHC(user.Password), user.ID); err != nil {
			return err
		}
		if _, err := endAccess(ctx, tx, user, ""); err != nil {
			return err
		}
		return note(PasswordChanged, user)
	})
}

// NewPassword is what a signed-in user asks for.
type NewPassword struct {
	Session  *Session
	Current  string
	Password string
	ID       string // of the session from now on
	Signer   string // fingerprint of the secret that signs its cookie
	From     Origin
}

// ChangePassword gives a user another password, who has to know the current
// one. The other sessions and the password links end, and this one goes on under a new ID (ASVS 5.0,
// 7.4.3). It returns an InvalidError, a ThrottledError or a BusyError as
// Authenticate does, and ErrNotFound when the session has ended meanwhile.
func (db *DB) ChangePassword(ctx context.Context, asked NewPassword) error {
	refused := InvalidError{}
	if complaint := password.Implausible(asked.Current); complaint != "" {
		refused["current"] = complaint
	}
	if complaint := password.Problem(asked.Password); complaint != "" {
		refused["password"] = complaint
	} else if asked.Password == asked.Current {
		refused["password"] = "This is the current password."
	}
	if len(refused) > 0 {
		return refused
	}
	if err := db.Confirm(ctx, asked.Session, asked.Current, asked.From); err != nil {
		return err
	}
	user := asked.Session.User
	before := password.PHC(user.Password)
	if err := db.choosePassword(ctx, &user, asked.Password); err != nil {
		return err
	}
	return db.writeWithEvents(ctx, asked.From, func(tx *sqlx.Tx, note note) error {
		if err := database.ExecOne(ctx, tx, `UPDATE users SET password = $1 WHERE id = $2 AND password = $3 AND NOT disabled`, password.PHC(user.Password), user.ID, before); err != nil {
			return err
		}
		if err := moveSession(ctx, tx, asked.Session.ID, asked.ID, asked.Signer); err != nil {
			return err
		}
		if _, err := endAccess(ctx, tx, &user, asked.ID); err != nil {
			return err
		}
		return note(PasswordChanged, &user)
	})
}

// SetDisabled forbids a user to sign in and ends all sessions and password links
// that the user has, or allows it again. It returns ErrLastAdmin rather than lock everybody out.
func (db *DB) SetDisabled(ctx context.Context, user *User, disabled bool, from Origin) error {
	return db.writeWithEvents(ctx, from, func(tx *sqlx.Tx, note note) error {
		err := anAdminStays(ctx, tx, func() error {
			return database.ExecOne(ctx, tx, `UPDATE users SET disabled = $1 WHERE id = $2`, disabled, user.ID)
		})
		if err != nil {
			return err
		}
		if !disabled {
			return note(UserEnabled, user)
		}
		if _, err := endAccess(ctx, tx, user, ""); err != nil {
			return err
		}
		return note(UserDisabled, user)
	})
}

// SetRole gives a user another role, which counts from the next request on. It
// returns ErrLastAdmin rather than leave nobody who administers the site.
func (db *DB) SetRole(ctx context.Context, user *User, role Role, from Origin) error {
	if role != Admin && role != Member {
		return InvalidError{"role": "A user is a member or an admin."}
	}
	return db.writeWithEvents(ctx, from, func(tx *sqlx.Tx, note note) error {
		err := anAdminStays(ctx, tx, func() error {
			return database.ExecOne(ctx, tx, `UPDATE users SET role = $1 WHERE id = $2`, role, user.ID)
		})
		if err != nil {
			return err
		}
		return note(RoleChanged, user)
	})
}

// SetFullName gives a user another full name, or none. It returns an
// InvalidError when the name is refused.
func (db *DB) SetFullName(ctx context.Context, user *User, name string, from Origin) error {
	name, complaint := fullName(name)
	if complaint != "" {
		return InvalidError{"full_name": complaint}
	}
	return db.writeWithEvents(ctx, from, func(tx *sqlx.Tx, note note) error {
		if err := database.ExecOne(ctx, tx, `UPDATE users SET full_name = $1, search_key = $2 WHERE id = $3`, name, database.SearchKey(user.Name, name), user.ID); err != nil {
			return err
		}
		return note(NameChanged, user)
	})
}

// RemoveUser removes a user with all sessions and events. What is left is one
// event that somebody was removed, without saying who. It returns ErrLastAdmin
// rather than leave nobody who administers the site.
func (db *DB) RemoveUser(ctx context.Context, user *User, from Origin) error {
	return db.removeUser(ctx, user, from, func(*sqlx.Tx) error { return nil })
}

// RemoveSelf removes a user who knows the password. It returns what
// ChangePassword and RemoveUser return.
func (db *DB) RemoveSelf(ctx context.Context, session *Session, plaintext string, from Origin) error {
	if err := db.Confirm(ctx, session, plaintext, from); err != nil {
		return err
	}
	return db.removeUser(ctx, &session.User, from, func(tx *sqlx.Tx) error {
		var holds bool
		err := tx.GetContext(ctx, &holds, `SELECT EXISTS (SELECT 1 FROM sessions s JOIN users u ON u.id = s.user_id
			WHERE s.id = $1 AND u.password = $2 AND NOT u.disabled)`, session.ID, password.PHC(session.User.Password))
		if err == nil && !holds {
			return ErrNotFound // ended, disabled or given another password while this one was looked at
		}
		return err
	})
}

// removeUser removes a user if the transaction in which that happens still allows it.
func (db *DB) removeUser(ctx context.Context, user *User, from Origin, allowed func(*sqlx.Tx) error) error {
	err := db.writeWithEvents(ctx, from, func(tx *sqlx.Tx, note note) error {
		if err := allowed(tx); err != nil {
			return err
		}
		if _, err := endAccess(ctx, tx, user, ""); err != nil {
			return err
		}
		err := anAdminStays(ctx, tx, func() error { return database.ExecOne(ctx, tx, `DELETE FROM users WHERE id = $1`, user.ID) })
		if err != nil {
			return err
		}
		return note(UserRemoved, nil)
	})
	if err == nil {
		db.Log.Info("removed", "user", user.Name, "request", from.Request) // the one line that says who
	}
	return err
}

// Confirm asks who is signed in for the password again. It returns an
// InvalidError for the field "current" when it is wrong, a ThrottledError or a BusyError.
func (db *DB) Confirm(ctx context.Context, session *Session, plaintext string, from Origin) error {
	if complaint := password.Implausible(plaintext); complaint != "" {
		return InvalidError{"current": complaint}
	}
	err := db.verify(ctx, &session.User, session.User.compared(), plaintext, from)
	if errors.Is(err, ErrRefused) {
		return InvalidError{"current": "This is not your current password."}
	}
	return err
}

// UserByID returns the user with this ID, or ErrNotFound.
func (db *DB) UserByID(ctx context.Context, id string) (*User, error) {
	return db.userWhere(ctx, `id = $1`, id)
}

// anAdminStays makes a change that may take an administrator away. It returns
// ErrLastAdmin when nobody could administer the site any more, as somebody could
// before. Both are read in the transaction of the change: what a caller read
// earlier may no longer be so.
func anAdminStays(ctx context.Context, tx *sqlx.Tx, change func() error) error {
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
