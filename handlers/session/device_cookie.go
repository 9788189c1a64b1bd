package session

import (
	"crypto/hmac"
	"crypto/rand"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"daypass/models"
)

// A browser in which somebody has signed in keeps a cookie that says so, for
// that account: strangers who fail at an account slow down each other, but not
// its owner there. It opens nothing, and holds no name. Several people may use
// one browser. (OWASP, "Slow Down Online Guessing Attacks with Device Cookies".)

const (
	deviceCookieLifetime = 400 * 24 * time.Hour // what browsers keep at most (RFC 6265bis, section 5.5)
	maxDevices           = 8                    // accounts in one browser
)

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
	for _, key := range m.signer.devices {
		if hmac.Equal([]byte(mark), []byte(deviceMark(browser, credential, key))) {
			return true
		}
	}
	return false
}

// SetDeviceCookie makes a browser known to an account that was just opened there,
// or whose password was changed there. Its mark is the first from then on.
func (m *Manager) SetDeviceCookie(c *fiber.Ctx, user *models.User) {
	key, credential := m.signer.devices[0], user.Credential()
	mine, marks := "", []string(nil)
	for i, mark := range m.deviceMarks(c) {
		browser, _, _ := strings.Cut(mark, ".")
		switch known := hmac.Equal([]byte(mark), []byte(deviceMark(browser, credential, key))); {
		case known && i == 0:
			return
		case known:
			mine = mark
		default:
			marks = append(marks, mark)
		}
	}
	if mine == "" {
		mine = deviceMark(rand.Text(), credential, key)
	}
	marks = append([]string{mine}, marks...)
	c.Cookie(&fiber.Cookie{
		Name: m.deviceCookieName(), Value: strings.Join(marks[:min(len(marks), maxDevices)], "~"), Path: "/",
		HTTPOnly: true, Secure: m.secure, SameSite: fiber.CookieSameSiteStrictMode,
		MaxAge: int(deviceCookieLifetime.Seconds()),
	})
}
