// Package session says who is asking. [Manager] reads the session cookie, which
// is signed as Express's cookie-signature signs it, and loads the session behind
// it; it adds a session at sign-in, with a new ID and cookie, and gives it
// another ID when the password changes. It caches sessions until anything about
// their user changes. It neither redirects nor renders.
package session

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/session"

	"daypass/handlers/cache"
	"daypass/models"
	"daypass/models/database"
)

// Manager knows who is asking: it reads and sets the session cookie, and
// adds, loads and renews the session behind it.
type Manager struct {
	db       *models.DB
	log      *slog.Logger
	keys     *keyring
	store    *session.Store
	cache    *cache.Sessions
	secure   bool // people reach the site by https
	lifetime time.Duration
	client   func(*fiber.Ctx) models.ClientInfo
}

// Config is the configuration of a manager.
type Config struct {
	// Secrets sign cookies: the first signs, all verify. At least one.
	Secrets []string
	// ReadSecrets reloads them; nil if they never change.
	ReadSecrets func(context.Context) ([]string, error)
	// SecretsChanged is called with the new secrets once they sign cookies, and returns
	// what nobody has to wait for; nil if nothing else depends on them.
	SecretsChanged func(ctx context.Context, secrets []string) (later func())
	// Secure says that people reach the site by https.
	Secure bool
	// Lifetime is how long a session lasts, regardless of activity.
	Lifetime time.Duration
	// Client says who sent a request.
	Client func(*fiber.Ctx) models.ClientInfo
	// Log gets one line per event.
	Log *slog.Logger
}

// New returns a manager.
func New(db *models.DB, config Config) *Manager {
	m := &Manager{
		db:       db,
		log:      config.Log,
		keys:     newKeyring(config),
		cache:    cache.NewSessions(),
		secure:   config.Secure,
		lifetime: config.Lifetime,
		client:   config.Client,
	}
	// Fiber's session store says what a cookie holds; the table of sessions says
	// whether a sign-in is still valid, and for which user. Both exist because the store
	// keeps one opaque value per ID: it can neither list a user's sessions nor end them.
	m.store = session.New(session.Config{
		Storage:        &storage{db.Storage(), m.keys},
		KeyLookup:      "cookie:" + m.cookieName(),
		KeyGenerator:   func() string { return m.keys.signer().cookie(newID()) },
		Expiration:     config.Lifetime,
		CookiePath:     "/",
		CookieHTTPOnly: true,
		CookieSecure:   m.secure,
		CookieSameSite: fiber.CookieSameSiteLaxMode,
	})
	return m
}

// userKey is the key of the user ID in a session's payload.
const userKey = "user"

// cookieName is the name of the session cookie. A __Host- cookie can be set by
// this very host alone, over https (RFC 6265bis, section 4.1.3.2).
func (m *Manager) cookieName() string {
	if m.secure {
		return "__Host-daypass"
	}
	return "daypass"
}

// HasCookie reports whether a request has a session cookie, valid or not.
func (m *Manager) HasCookie(c *fiber.Ctx) bool {
	return len(c.Request().Header.Cookie(m.cookieName())) > 0
}

// sessionKey returns the database key of the session that the request's cookie
// names, and the index of the secret that signed the cookie.
func (m *Manager) sessionKey(c *fiber.Ctx) (key string, secret int, ok bool) {
	id, secret, ok := m.keys.idIn(c.UserContext(), c.Cookies(m.cookieName()))
	if !ok {
		return "", 0, false
	}
	return keyOf(id), secret, true
}

// Load returns the valid session of a request, or ErrNotFound. The table of
// sessions decides whether the session is valid; the payload in Fiber's store has
// to name the same user. Both are read only when anything about the user has changed
// since they were last read. A HEAD request changes nothing: it doesn't count as activity,
// renews no signature and ends no session.
func (m *Manager) Load(c *fiber.Ctx) (*models.Session, error) {
	key, secret, signed := m.sessionKey(c)
	changes := c.Method() != fiber.MethodHead
	if session, ok := m.cache.Get(key); signed && ok && secret == 0 && m.db.Valid(session) {
		switch version, err := m.db.UserVersion(c.UserContext(), session.User.ID); {
		case err != nil && !errors.Is(err, models.ErrNotFound):
			return nil, err
		case err == nil && version == session.User.Version:
			if changes {
				m.touch(c, session)
			}
			return session, nil
		}
	}
	if err := m.db.Present(); err != nil {
		return nil, err
	}
	if !signed {
		return nil, models.ErrNotFound
	}
	session, err := m.db.Session(c.UserContext(), key)
	if errors.Is(err, models.ErrIdle) && changes {
		session, err = m.db.EndIdle(c.UserContext(), key)
	}
	if err != nil {
		return nil, err
	}
	if !m.cache.HadPayload(session) && c.Locals(writtenKey{}) != key {
		if err := m.checkPayload(c, session); err != nil {
			return nil, err
		}
	}
	if changes && secret != 0 {
		if err := m.renewSignature(c, session); err != nil {
			return nil, err
		}
	}
	m.cache.Put(session)
	if changes {
		m.touch(c, session)
	}
	return session, nil
}

// touch records that a session is in use.
func (m *Manager) touch(c *fiber.Ctx, session *models.Session) {
	m.db.Touch(c.UserContext(), session)
	m.cache.Touch(session)
}

// checkPayload compares the payload in Fiber's store with the session. When it is
// damaged, missing or another user's, it ends the session and returns ErrNotFound.
func (m *Manager) checkPayload(c *fiber.Ctx, session *models.Session) error {
	payload, err := m.store.Get(c)
	if failure := (storageError{}); errors.As(err, &failure) {
		return err
	}
	if err == nil && payload.Get(userKey) == session.User.ID {
		return nil
	}
	if c.Method() == fiber.MethodHead {
		return models.ErrNotFound
	}
	m.log.Error("a session's payload is damaged or missing; the session was ended", "user", session.User.Name, "error", err)
	if err := m.db.EndSession(c.UserContext(), session, m.client(c)); err != nil && !errors.Is(err, models.ErrNotFound) {
		return err
	}
	return models.ErrNotFound
}

// renewSignature signs the cookie of a session with the first of the secrets.
func (m *Manager) renewSignature(c *fiber.Ctx, session *models.Session) error {
	id, _, _ := m.keys.signer().idIn(c.Cookies(m.cookieName()))
	if err := m.db.SetSigner(c.UserContext(), session, m.keys.signer().names[0]); err != nil {
		return err
	}
	session.Signer = m.keys.signer().names[0]
	m.setCookie(c, m.keys.signer().cookie(id), session.Expires.Sub(m.db.Now()))
	return nil
}

// SignIn makes a new session for a user who has given all factors, and gives the browser
// its cookie. The session it had before ends, and so does the pending sign-in. Either
// all of it is stored, or there is no session and no cookie. The caller says in what it
// passes who it is and by which factors.
func (m *Manager) SignIn(c *fiber.Ctx, in models.SignIn) (*models.Session, error) {
	in.Replaces, _, _ = m.sessionKey(c)
	browser, err := m.browserOf(c, in.User, nil)
	if err != nil {
		return nil, err
	}
	from := m.client(c)
	if m.TrustedDevice(c, in.User.Credential()) == "" {
		from.NewDevice = keyOf(browser)
	}
	cookie, err := m.newPayload(c, in.User.ID, m.lifetime)
	if err != nil {
		return nil, err
	}
	in.ID, in.Signer, in.Lifetime, in.From, in.Device = m.keyOfSigned(cookie), m.keys.signer().names[0], m.lifetime, from, keyOf(browser)
	session, err := m.db.AddSession(c.UserContext(), in)
	if err != nil {
		m.takeBack(c, cookie)
		return nil, err
	}
	m.setDeviceCookie(c, &session.User, browser)
	if in.Pending != nil {
		m.ForgetPending(c)
	}
	c.Request().Header.SetCookie(m.cookieName(), cookie) // for a secret that is stored now
	return session, nil
}

// writtenKey is the key of the session whose payload this request has written itself.
type writtenKey struct{}

// Rotate gives a session a new ID, and the browser a new cookie. The change calls
// newID before its transaction, since that stores a payload, and moves the session in
// the database to that ID. When it fails, the payload is deleted again, and nothing has
// changed.
func (m *Manager) Rotate(c *fiber.Ctx, session *models.Session, change func(newID func() (models.SessionID, error)) error) error {
	var cookie, key string
	err := change(func() (models.SessionID, error) {
		root, err := m.root(c, session)
		if err != nil {
			return models.SessionID{}, err
		}
		if cookie, err = m.newPayload(c, session.User.ID, session.Expires.Sub(m.db.Now())); err != nil {
			return models.SessionID{}, err
		}
		id, _, _ := m.keys.signer().idIn(cookie)
		encrypted, err := encryptRoot(root, id)
		key = keyOf(id)
		return models.SessionID{ID: key, Signer: m.keys.signer().names[0], Root: encrypted}, err
	})
	if err == nil {
		session.ID = key
		// For what else this request does. Fiber's store would look for another payload
		// than the one it has just written.
		c.Request().Header.SetCookie(m.cookieName(), cookie)
		c.Locals(writtenKey{}, key)
		m.followUser(c, session)
	} else if cookie != "" {
		m.takeBack(c, cookie)
	}
	return err
}

// followUser reloads the user of a session after a change, and keeps the browser known.
func (m *Manager) followUser(c *fiber.Ctx, session *models.Session) {
	user, err := m.db.UserByID(c.UserContext(), session.User.ID)
	if err == nil {
		session.User = *user
		err = m.keepDevice(c, user, session)
	}
	if err != nil {
		m.log.Warn("a browser is not known to its user any more", "user", session.User.Name, "error", err)
	}
}

// keyOfSigned is the database key for the value of a cookie that was just signed.
func (m *Manager) keyOfSigned(cookie string) string {
	id, _, _ := m.keys.signer().idIn(cookie)
	return keyOf(id)
}

// takeBack removes a cookie and its payload, whose session was not stored.
func (m *Manager) takeBack(c *fiber.Ctx, cookie string) {
	m.TakeCookieBack(c)
	if err := m.store.Delete(cookie); err != nil && !errors.Is(err, database.ErrReplaced) {
		m.log.Warn("the payload of a session that was not added can't be deleted; it opens nothing, and expires", "error", err)
	}
}

// newPayload makes a payload under a new ID, sets its cookie, and returns the cookie's
// value. The ID opens nothing until its row is in the table of sessions.
func (m *Manager) newPayload(c *fiber.Ctx, user string, lifetime time.Duration) (cookie string, err error) {
	// The store must not load the browser's present session: it stays intact until
	// the new one is stored.
	held := c.Cookies(m.cookieName())
	c.Request().Header.DelCookie(m.cookieName())
	defer func() {
		if held != "" {
			c.Request().Header.SetCookie(m.cookieName(), held)
		}
	}()
	fresh, err := m.store.Get(c)
	if err != nil {
		return "", err
	}
	if err := fresh.Regenerate(); err != nil {
		return "", err
	}
	cookie = fresh.ID()
	fresh.Set(userKey, user)
	fresh.SetExpiry(lifetime)
	return cookie, fresh.Save() // sets the cookie before it writes; on failure the error page takes it back
}

// ClearCookie makes the browser delete the session cookie.
func (m *Manager) ClearCookie(c *fiber.Ctx) { m.setCookie(c, "", 0) }

// setCookie sets the session cookie; a lifetime of zero deletes it.
func (m *Manager) setCookie(c *fiber.Ctx, value string, lifetime time.Duration) {
	m.setCookieNamed(c, m.cookieName(), value, lifetime)
}

func (m *Manager) setCookieNamed(c *fiber.Ctx, name, value string, lifetime time.Duration) {
	cookie := &fiber.Cookie{
		Name: name, Value: value, Path: "/",
		HTTPOnly: true, Secure: m.secure, SameSite: fiber.CookieSameSiteLaxMode,
		MaxAge: int(lifetime.Seconds()), // by which the clock of the browser makes no difference
	}
	if lifetime <= 0 {
		cookie.MaxAge, cookie.Expires = 0, time.Unix(1, 0)
	}
	c.Cookie(cookie)
}

// TakeCookieBack removes the session cookie, and that of a pending sign-in, from the
// response before it is sent.
func (m *Manager) TakeCookieBack(c *fiber.Ctx) {
	c.Response().Header.DelCookie(m.cookieName())
	c.Response().Header.DelCookie(m.pendingCookieName())
}
