package session

import (
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"daypass/models"
	"daypass/models/encryption"
)

// expiringKey encrypts texts that expire.
type expiringKey struct{ encryption.Key }

// newExpiringKey derives the key for one purpose.
func newExpiringKey(secret, purpose string) (expiringKey, error) {
	key, err := encryption.NewKey(secret, purpose)
	return expiringKey{key}, err
}

// encrypt encrypts a text that can be decrypted before a time, and only with what it is bound to.
func (k expiringKey) encrypt(text string, until time.Time, boundTo string) string {
	return k.Encrypt(strconv.FormatInt(until.Unix(), 10)+" "+text, boundTo)
}

// decrypt returns what encrypt was given, if it has not expired.
func (k expiringKey) decrypt(encrypted string, now time.Time, boundTo string) (text string, ok bool) {
	decrypted, ok := k.Decrypt(encrypted, boundTo)
	if !ok {
		return "", false
	}
	until, text, _ := strings.Cut(decrypted, " ")
	at, err := strconv.ParseInt(until, 10, 64)
	return text, err == nil && now.Unix() < at
}

// A secret that the page after a redirect shows is stored in the session, encrypted
// with a key derived from the session ID. Only the browser's cookie has that ID: the
// database has its hash, so a copy of the database reveals no secret. When the session
// gets another ID, the root of that key is stored with it, encrypted in the same way with
// a key derived from the new one: so secrets outlast the ID that they were stored under.

// SetSecret stores a secret in the session of a request, under a name, for a while.
func (m *Manager) SetSecret(c *fiber.Ctx, session *models.Session, name, secret string, lifetime time.Duration) error {
	key, err := m.secretKey(c, session)
	if err != nil {
		return err
	}
	return m.db.SetValue(c.UserContext(), session, name, key.encrypt(secret, m.db.Now().Add(lifetime), name))
}

// Secret returns what SetSecret stored. It returns ErrNotFound when there is
// nothing, or it has expired.
func (m *Manager) Secret(c *fiber.Ctx, session *models.Session, name string) (string, error) {
	value, err := m.db.Value(c.UserContext(), session, name)
	if err != nil {
		return "", err
	}
	key, err := m.secretKey(c, session)
	if err != nil {
		return "", err
	}
	secret, ok := key.decrypt(value, m.db.Now(), name)
	if !ok {
		return "", models.ErrNotFound
	}
	return secret, nil
}

// secretKey is that of the secrets in the session of a request.
func (m *Manager) secretKey(c *fiber.Ctx, session *models.Session) (expiringKey, error) {
	root, err := m.root(c, session)
	if err != nil {
		return expiringKey{}, err
	}
	return newExpiringKey(root, "daypass secret in a session")
}

// root is what the keys of a session's secrets are derived from. It returns ErrNotFound
// if the session has another ID since.
func (m *Manager) root(c *fiber.Ctx, session *models.Session) (string, error) {
	id, _, ok := m.keys.signer().idIn(c.Cookies(m.cookieName()))
	if !ok {
		return "", models.ErrNotFound
	}
	encrypted, err := m.db.Value(c.UserContext(), session, models.RootValue)
	if errors.Is(err, models.ErrNotFound) { // it has its first ID
		return base64.RawStdEncoding.EncodeToString(encryption.DeriveKey(id, "daypass root of keys")), nil
	}
	if err != nil {
		return "", err
	}
	key, err := rootKey(id)
	if err != nil {
		return "", err
	}
	root, ok := key.Decrypt(encrypted, models.RootValue)
	if !ok {
		return "", models.ErrNotFound
	}
	return root, nil
}

// encryptRoot encrypts the root of a session's keys for its next ID.
func encryptRoot(root, id string) (string, error) {
	key, err := rootKey(id)
	if err != nil {
		return "", err
	}
	return key.Encrypt(root, models.RootValue), nil
}

func rootKey(id string) (encryption.Key, error) {
	return encryption.NewKey(id, "daypass root of keys of another session ID")
}
