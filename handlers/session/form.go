package session

import (
	"github.com/gofiber/fiber/v2"

	"daypass/models"
)

// A form that arrives after its session has ended is carried by the sign-in page, as
// nothing may be stored for a visitor. It is encrypted, and bound to the browser and
// to the one account that has signed in there, by the mark of the device cookie:
// the session cookie is gone by then. So only this server can make one, it is worth
// nothing in another browser, and nobody else continues with it. Other sites can have
// none made: their forms are refused, and the device cookie is not sent with them.

// EncryptForm returns a form, encrypted for this browser and the account that signed in
// there. It is not ok when nobody did, or when several have, since nobody knows whose
// form it is.
func (m *Manager) EncryptForm(c *fiber.Ctx, form string) (encrypted string, ok bool) {
	marks := m.deviceMarks(c)
	if len(marks) != 1 {
		return "", false
	}
	return m.keys.signer().forms[0].encrypt(form, m.db.Now().Add(models.CarriedFor), marks[0]), true
}

// DecryptForm returns the form that EncryptForm encrypted in this browser, and whether it may
// continue for an account with this credential, which is the one that sent it.
func (m *Manager) DecryptForm(c *fiber.Ctx, encrypted, credential string) (form string, continues bool) {
	marks := m.deviceMarks(c)
	if len(marks) != 1 {
		return "", false
	}
	for _, key := range m.keys.signer().forms {
		if form, ok := key.decrypt(encrypted, m.db.Now(), marks[0]); ok {
			return form, m.markedFor(marks[0], credential)
		}
	}
	return "", false
}

// formKey is that of a secret which signs cookies.
func formKey(secret string) expiringKey {
	forms, err := newExpiringKey(secret, "daypass form that waits for a sign-in")
	if err != nil {
		panic(err) // the lengths are fixed, and right
	}
	return forms
}
