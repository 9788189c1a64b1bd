package session

import (
	"time"

	"github.com/gofiber/fiber/v2"

	"daypass/models"
)

// A sign-in that owes a second factor has a cookie of its own. It opens the next step of
// the sign-in and nothing else: it is signed with another key than the session cookie.

func (m *Manager) pendingCookieName() string { return m.cookieName() + "-pending" }

// StartPending stores that the first factor was right, and gives the browser the cookie of
// the pending sign-in.
func (m *Manager) StartPending(c *fiber.Ctx, pending *models.PendingSignIn) error {
	if err := m.EndPending(c); err != nil {
		return err
	}
	id, from := newID(), m.client(c)
	pending.ID, pending.Address, pending.Browser = keyOf(id), from.Address, from.Browser
	if err := m.db.AddPendingSignIn(c.UserContext(), pending); err != nil {
		return err
	}
	m.setPendingCookie(c, sign(id, m.keys.signer().pending[0]), models.PendingFor)
	return nil
}

// Pending returns the pending sign-in of a request, or ErrNotFound.
func (m *Manager) Pending(c *fiber.Ctx) (*models.PendingSignIn, error) {
	id, ok := m.pendingID(c)
	if !ok {
		return nil, models.ErrNotFound
	}
	return m.db.PendingSignIn(c.UserContext(), keyOf(id))
}

// HasPendingCookie reports whether a request has the cookie of a pending sign-in, valid or not.
func (m *Manager) HasPendingCookie(c *fiber.Ctx) bool {
	return len(c.Request().Header.Cookie(m.pendingCookieName())) > 0
}

// ForgetPending makes a browser delete the cookie of a pending sign-in that has ended.
func (m *Manager) ForgetPending(c *fiber.Ctx) { m.setPendingCookie(c, "", 0) }

// EndPending ends the pending sign-in of a browser, if it has one.
func (m *Manager) EndPending(c *fiber.Ctx) error {
	if !m.HasPendingCookie(c) {
		return nil
	}
	id, ok := m.pendingID(c)
	m.ForgetPending(c)
	c.Request().Header.DelCookie(m.pendingCookieName())
	if !ok {
		return nil
	}
	return m.db.EndPendingSignIn(c.UserContext(), keyOf(id))
}

// SetPendingSecret stores what the next step of a pending sign-in needs, encrypted with a
// key that only its cookie has.
func (m *Manager) SetPendingSecret(c *fiber.Ctx, pending *models.PendingSignIn, secret string) error {
	key, err := m.pendingKey(c)
	if err != nil {
		return err
	}
	return m.db.SetPendingSecret(c.UserContext(), pending, key.encrypt(secret, pending.Expires.Time, pending.ID))
}

// PendingSecret returns what SetPendingSecret stored, or ErrNotFound.
func (m *Manager) PendingSecret(c *fiber.Ctx, pending *models.PendingSignIn) (string, error) {
	key, err := m.pendingKey(c)
	if err != nil {
		return "", err
	}
	secret, ok := key.decrypt(pending.Secret, m.db.Now(), pending.ID)
	if !ok {
		return "", models.ErrNotFound
	}
	return secret, nil
}

// pendingKey is that of the ID in the cookie of a pending sign-in.
func (m *Manager) pendingKey(c *fiber.Ctx) (expiringKey, error) {
	id, _ := m.pendingID(c)
	return newExpiringKey(id, "daypass secret in a pending sign-in")
}

// pendingID returns the ID in the cookie of a pending sign-in, if it was signed here.
func (m *Manager) pendingID(c *fiber.Ctx) (id string, ok bool) {
	cookie := c.Cookies(m.pendingCookieName())
	for _, key := range m.keys.signer().pending {
		if id, ok := unsign(cookie, key); ok {
			return id, true
		}
	}
	return "", false
}

func (m *Manager) setPendingCookie(c *fiber.Ctx, value string, lifetime time.Duration) {
	m.setCookieNamed(c, m.pendingCookieName(), value, lifetime)
}
