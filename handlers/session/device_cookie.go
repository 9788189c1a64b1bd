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

// deviceMark is the mark of an account in a browser: the browser's ID for it, signed with the account.
func deviceMark(browser, account string, secret []byte) string {
	return browser + "." + mac("known browser\x00"+browser+"\x00"+account, secret)
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

// TrustedDevice returns the ID by which a browser is known to an account, or nothing.
func (m *Manager) TrustedDevice(c *fiber.Ctx, username string) string {
	_, account, ok := models.Username(username)
	if !ok {
		return ""
	}
	for _, mark := range m.deviceMarks(c) {
		browser, _, _ := strings.Cut(mark, ".")
		for _, secret := range m.signer.secrets {
			if hmac.Equal([]byte(mark), []byte(deviceMark(browser, account, secret))) {
				return browser
			}
		}
	}
	// A living session knows its user too.
	if session, err := m.Load(c); err == nil {
		if _, its, _ := models.Username(session.User.Name); its == account {
			return session.ID
		}
	}
	return ""
}

// setDeviceCookie makes a browser known to an account that was just opened there.
func (m *Manager) setDeviceCookie(c *fiber.Ctx, username string) {
	_, account, ok := models.Username(username)
	if !ok {
		return
	}
	secret := m.signer.secrets[0]
	var marks []string
	for _, mark := range m.deviceMarks(c) {
		browser, _, _ := strings.Cut(mark, ".")
		if hmac.Equal([]byte(mark), []byte(deviceMark(browser, account, secret))) {
			return
		}
		marks = append(marks, mark)
	}
	marks = append([]string{deviceMark(rand.Text(), account, secret)}, marks...)
	c.Cookie(&fiber.Cookie{
		Name: m.deviceCookieName(), Value: strings.Join(marks[:min(len(marks), maxDevices)], "~"), Path: "/",
		HTTPOnly: true, Secure: m.secure, SameSite: fiber.CookieSameSiteStrictMode,
		MaxAge: int(deviceCookieLifetime.Seconds()),
	})
}
