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

// sealer encrypts texts that expire: AES-256-GCM with a key derived from a secret of 256
// random bits, which needs no salt (HKDF, RFC 5869).
type sealer struct{ cipher.AEAD }

// newSealer derives the key for one purpose.
func newSealer(secret, purpose string) (sealer, error) {
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, purpose, 32)
	if err != nil {
		return sealer{}, fmt.Errorf("make a key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return sealer{}, fmt.Errorf("make a cipher: %w", err)
	}
	sealing, err := cipher.NewGCMWithRandomNonce(block)
	return sealer{sealing}, err
}

// seal encrypts a text that can be opened before a time, and only with what it is bound to.
func (s sealer) seal(text string, until time.Time, boundTo string) []byte {
	return s.Seal(nil, nil, []byte(strconv.FormatInt(until.Unix(), 10)+" "+text), []byte(boundTo))
}

// open returns the text that seal encrypted, if it has not expired.
func (s sealer) open(sealed []byte, now time.Time, boundTo string) (text string, ok bool) {
	opened, err := s.Open(nil, nil, sealed, []byte(boundTo))
	if err != nil {
		return "", false
	}
	until, text, _ := strings.Cut(string(opened), " ")
	at, err := strconv.ParseInt(until, 10, 64)
	return text, err == nil && now.Unix() < at
}

// sealText and openText do the same as text.
func (s sealer) sealText(text string, until time.Time, boundTo string) string {
	return base64.RawURLEncoding.EncodeToString(s.seal(text, until, boundTo))
}

func (s sealer) openText(sealed string, now time.Time, boundTo string) (text string, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return "", false
	}
	return s.open(raw, now, boundTo)
}

// A secret that the page after a redirect shows is stored in the session, encrypted
// with a key derived from the session ID. Only the browser's cookie has that ID: the
// database has its hash, so a copy of the database reveals no secret.

// SetSecret stores a secret in the session of a request, under a name, for a while.
func (m *Manager) SetSecret(c *fiber.Ctx, session *models.Session, name, secret string, lifetime time.Duration) error {
	sealer, err := m.sealer(c)
	if err != nil {
		return err
	}
	return m.db.SetValue(c.UserContext(), session, name, sealer.sealText(secret, m.db.Now().Add(lifetime), name))
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
	secret, ok := sealer.openText(value, m.db.Now(), name)
	if !ok {
		return "", models.ErrNotFound
	}
	return secret, nil
}

// sealer is that of the session ID in the cookie.
func (m *Manager) sealer(c *fiber.Ctx) (sealer, error) {
	id, _, ok := m.signer.idIn(c.Cookies(m.cookieName()))
	if !ok {
		return sealer{}, models.ErrNotFound
	}
	return newSealer(id, "daypass secret in a session")
}
