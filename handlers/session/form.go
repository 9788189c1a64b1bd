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

	"daypass/models"

	"github.com/gofiber/fiber/v2"
)

// A form that arrives after its session has ended is carried by the sign-in page, as
// nothing may be stored for a visitor. It is encrypted, and bound to the browser and
// to the one account that has signed in there, by the mark of the device cookie:
// the session cookie is gone by then. So only this server can make one, it is worth
// nothing in another browser, and nobody else continues with it. Other sites can have
// none made: their forms are refused, and the device cookie is not sent with them.

// SealForm returns a form, encrypted for this browser and the account that signed in
// there. It is not ok when nobody did, when several have, since nobody knows whose form
// it is, or when the form is too large.
func (m *Manager) SealForm(c *fiber.Ctx, form string) (sealed string, ok bool) {
	marks := m.deviceMarks(c)
	if len(marks) != 1 || len(form) > models.MaxCarried {
		return "", false
	}
	until := strconv.FormatInt(m.db.Now().Add(models.CarriedFor).Unix(), 10)
	return base64.RawURLEncoding.EncodeToString(m.signer.forms[0].Seal(nil, nil, []byte(until+" "+form), []byte(marks[0]))), true
}

// OpenForm returns the form that SealForm encrypted in this browser, and whether it may
// continue for an account with this credential, which is the one that sent it.
func (m *Manager) OpenForm(c *fiber.Ctx, sealed, credential string) (form string, continues bool) {
	marks := m.deviceMarks(c)
	text, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil || len(marks) != 1 {
		return "", false
	}
	for _, sealer := range m.signer.forms {
		opened, err := sealer.Open(nil, nil, text, []byte(marks[0]))
		if err != nil {
			continue
		}
		until, form, _ := strings.Cut(string(opened), " ")
		if at, err := strconv.ParseInt(until, 10, 64); err != nil || m.db.Now().Unix() >= at {
			return "", false
		}
		return form, m.markedFor(marks[0], credential)
	}
	return "", false
}

// formSealer is AES-256-GCM with a key derived from a secret (HKDF, RFC 5869).
func formSealer(secret string) cipher.AEAD {
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, "daypass form that waits for a sign-in", 32)
	if err == nil {
		var block cipher.Block
		if block, err = aes.NewCipher(key); err == nil {
			var sealer cipher.AEAD
			if sealer, err = cipher.NewGCMWithRandomNonce(block); err == nil {
				return sealer
			}
		}
	}
	panic(fmt.Errorf("make the key of forms: %w", err)) // the lengths are fixed, and right
}
