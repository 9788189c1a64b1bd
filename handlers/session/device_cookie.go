package session

import (
	"crypto/hmac"
	"crypto/rand"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"daypass/models"
)

// A browser in which somebody has signed in keeps a cookie that says so, for
// that account: strangers who fail at an account slow down each other, but not
// its owner there. It opens nothing, and holds no name. Several people may use
// one browser. (OWASP, "Slow Down Online Guessing Attacks with Device Cookies".)

const maxDevices = 8 // accounts in one browser

func (m *Manager) deviceCookieName() string { return m.cookieName() + "-known" }

// deviceMark is the mark of an account in a browser: the browser's ID for it, signed
// with the account's credential. So it ends with the password.
func deviceMark(browser, credential string, key []byte) string {
	return browser + "." + mac(browser+"\x00"+credential, key)
}

// markLength is how long a mark is: an ID of 26 letters, a dot, and a signature.
const markLength = 26 + 1 + 43

// deviceMarks returns what can be marks in a request's cookie. Each costs a
// signature to verify, so there are no more of them than were ever set.
func (m *Manager) deviceMarks(c *fiber.Ctx) (marks []string) {
	cookie := c.Cookies(m.deviceCookieName())
	if len(cookie) > maxDevices*(markLength+1) {
		return nil
	}
	for mark := range strings.SplitSeq(cookie, "~") {
		if len(mark) == markLength {
			marks = append(marks, mark)
		}
	}
	return marks
}

// TrustedDevice returns the ID by which a browser is known to an account with this
// credential, or nothing.
func (m *Manager) TrustedDevice(c *fiber.Ctx, credential string) string {
	for _, mark := range m.deviceMarks(c) {
		if m.markedFor(mark, credential) {
			browser, _, _ := strings.Cut(mark, ".")
			return browser
		}
	}
	return ""
}

// markedFor tells whether a mark is that of an account with this credential.
func (m *Manager) markedFor(mark, credential string) bool {
	browser, _, _ := strings.Cut(mark, ".")
	for _, key := range m.keys.signer().devices {
		if hmac.Equal([]byte(mark), []byte(deviceMark(browser, credential, key))) {
			return true
		}
	}
	return false
}

// browserOf returns the ID of the browser for a user who was just authenticated there,
// which outlasts a change of the password: the one that a session of that user has, or
// with which it is known, or was when the user gave it a name; or else a new one.
func (m *Manager) browserOf(c *fiber.Ctx, user *models.User, session *models.Session) (string, error) {
	if known := m.TrustedDevice(c, user.Credential()); known != "" {
		return known, nil
	}
	marks := m.deviceMarks(c)
	if len(marks) == 0 {
		return rand.Text(), nil
	}
	devices, err := m.db.DevicesOf(c.UserContext(), user)
	if err != nil {
		return "", err
	}
	for _, mark := range marks {
		browser, _, _ := strings.Cut(mark, ".")
		key := keyOf(browser)
		if session != nil && session.Device == key || slices.ContainsFunc(devices, func(device models.Device) bool { return device.ID == key }) {
			return browser, nil
		}
	}
	return rand.Text(), nil
}

// keepDevice makes a browser known to a user whose credential was changed in a session there.
func (m *Manager) keepDevice(c *fiber.Ctx, user *models.User, session *models.Session) error {
	browser, err := m.browserOf(c, user, session)
	if err == nil {
		m.setDeviceCookie(c, user, browser)
	}
	return err
}

// setDeviceCookie makes a browser known to an account under an ID. Its mark is the
// first from then on.
func (m *Manager) setDeviceCookie(c *fiber.Ctx, user *models.User, browser string) {
	mine := deviceMark(browser, user.Credential(), m.keys.signer().devices[0])
	marks := []string{mine}
	for i, mark := range m.deviceMarks(c) {
		if i == 0 && hmac.Equal([]byte(mark), []byte(mine)) {
			return
		}
		if !strings.HasPrefix(mark, browser+".") && len(marks) < maxDevices {
			marks = append(marks, mark)
		}
	}
	c.Cookie(&fiber.Cookie{
		Name: m.deviceCookieName(), Value: strings.Join(marks, "~"), Path: "/",
		HTTPOnly: true, Secure: m.secure, SameSite: fiber.CookieSameSiteStrictMode,
		MaxAge: int(models.DeviceLifetime.Seconds()),
	})
}
