package handlers_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"daypass/handlers/sitetest"
	"daypass/models"
)

// deviceCookieOf is the device cookie that an answer gives, as a browser sends it.
func deviceCookieOf(a *sitetest.Answer) string {
	a.T.Helper()
	for _, cookie := range a.Response.Cookies() {
		if cookie.Name == "daypass-known" {
			return cookie.Name + "=" + cookie.Value
		}
	}
	a.T.Fatalf("%s gives no device cookie", a.To)
	return ""
}

// TestABrowserIsKnownToTheLatestOfThoseWhoUseIt: strangers can't lock them out there.
func TestABrowserIsKnownToTheLatestOfThoseWhoUseIt(t *testing.T) {
	t.Parallel()
	site := sitetest.StartEmpty(t)
	site.StopClock()
	device := ""
	for i := range 10 {
		name := fmt.Sprint("user", i)
		site.AddUser(name, models.Admin)
		device = deviceCookieOf(site.WithCookies(device).Login(name, sitetest.Password).LeadsTo("/dashboard"))
	}
	if marks := strings.Count(device, "~") + 1; marks != 8 {
		t.Errorf("the browser is known to %d people", marks)
	}
	for i, known := range map[int]bool{9: true, 2: true, 1: false} { // the last, the eighth last, and the one before
		name := fmt.Sprint("user", i)
		for range 5 {
			site.Visitor().Login(name, "not the password").Answers(422)
		}
		site.Visitor().Login(name, sitetest.Password).Answers(429)
		if answer := site.WithCookies(device).Login(name, sitetest.Password); (answer.Response.StatusCode == 303) != known {
			t.Errorf("in the browser %s is answered %d", name, answer.Response.StatusCode)
		}
	}
}

// TestWhatIsNoMarkLeavesTheDeviceCookie at the next sign-in.
func TestWhatIsNoMarkLeavesTheDeviceCookie(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	for _, garbage := range []string{"x", "~~~~", "a.b~c.d", strings.Repeat("x", 3000), strings.Repeat("x.y~", 500)} {
		answer := site.WithCookies("daypass-known="+garbage).Login("ada", sitetest.Password).LeadsTo("/dashboard")
		if device := deviceCookieOf(answer); !regexp.MustCompile(`^daypass-known=[A-Z2-7]{26}\.[A-Za-z0-9+/]{43}$`).MatchString(device) {
			t.Errorf("%.20q leaves %.200q", garbage, device)
		}
	}
}
