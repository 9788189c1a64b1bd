package session

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"daypass/models"
)

// A secret that the page after a redirect shows is stored in the session, encrypted
// with a key derived from the session ID. Only the browser's cookie has that ID: the
// database has its hash, so a copy of the database reveals no secret.

// SetSecret stores a secret in the session of a request, under a name, for a while.
func (m *Manager) SetSecret(c *fiber.Ctx, session *models.Session, name, secret string, lifetime time.Duration) error {
	sealer, err := m.sealer(c)
	if err != nil {
		return err
	}
	until := strconv.FormatInt(m.db.Now().Add(lifetime).Unix(), 10)
	sealed := sealer.Seal(nil, nil, []byte(until+" "+secret), []byte(name))
	return m.db.SetValue(c.UserContext(), session, name, base64.RawStdEncoding.EncodeToString(sealed))
}

// Secret returns what SetSecret stored. It returns ErrNotFound when there is
// nothing, it has expired, or the session has a new ID since.
func (m *Manager) Secret(c *fiber.Ctx, session *models.Session, name string) (string, error) {
	value, err := m.db.Value(c.UserContext(), session, name)
	if err != nil {
		return "", err
	}
	sealer, err := m.sealer(c)
	if err != nil {
		return "", err
	}
	sealed, err := base64.RawStdEncoding.DecodeString(value)
	if err != nil {
		return "", models.ErrNotFound
	}
	opened, err := sealer.Open(nil, nil, sealed, []byte(name))
	if err != nil {
		return "", models.ErrNotFound
	}
	until, secret, _ := strings.Cut(string(opened), " ")
	if at, err := strconv.ParseInt(until, 10, 64); err != nil || m.db.Now().Unix() >= at {
		return "", models.ErrNotFound
	}
	return secret, nil
}

// sealer is AES-256-GCM with a key made of the session ID in the cookie (HKDF,
// RFC 5869; the ID has 256 random bits, so it needs no salt).
func (m *Manager) sealer(c *fiber.Ctx) (cipher.AEAD, error) {
	id, _, ok := m.signer.idIn(c.Cookies(m.cookieName()))
	if !ok {
		return nil, models.ErrNotFound
	}
	key, err := hkdf.Key(sha256.New, []byte(id), nil, "daypass secret in a session", 32)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make a cipher: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}
