package handlers

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"daypass/models"
)

// TestABrowserIsKnownToTheLatestOfThoseWhoUseIt: strangers can't lock them out there.
func TestABrowserIsKnownToTheLatestOfThoseWhoUseIt(t *testing.T) {
	t.Parallel()
	site := newClockSite(t)
	device := ""
	for i := range 10 {
		name := fmt.Sprint("user", i)
		if _, err := site.app.db.AddUser(t.Context(), models.NewUser{Name: name, Password: testPassword, Role: models.Admin}, models.CommandLine); err != nil {
			t.Fatal(err)
		}
		device = deviceCookieOf(site.with(device).post("/login", "username", name, "password", testPassword).leadsTo("/dashboard"))
	}
	if marks := strings.Count(device, "~") + 1; marks != 8 {
		t.Errorf("the browser is known to %d people", marks)
	}
	for i, known := range map[int]bool{9: true, 2: true, 1: false} { // the last, the eighth last, and the one before
		name := fmt.Sprint("user", i)
		for range 5 {
			site.post("/login", "username", name, "password", "not the password").answers(422)
		}
		site.post("/login", "username", name, "password", testPassword).answers(429)
		if answer := site.with(device).post("/login", "username", name, "password", testPassword); (answer.status == 303) != known {
			t.Errorf("in the browser %s is answered %d", name, answer.status)
		}
	}
}

// deviceCookieOf is the device cookie that an answer gives, as a browser sends it.
func deviceCookieOf(a *answer) string {
	a.t.Helper()
	for _, line := range a.header.Values("Set-Cookie") {
		if strings.HasPrefix(line, "daypass-known=") {
			pair, _, _ := strings.Cut(line, ";")
			return pair
		}
	}
	a.t.Fatalf("%s gives no device cookie", a.to)
	return ""
}

// TestWhatIsNoMarkLeavesTheDeviceCookie at the next sign-in.
func TestWhatIsNoMarkLeavesTheDeviceCookie(t *testing.T) {
	t.Parallel()
	site := newClockSite(t)
	site.signedIn("ada", models.Admin)
	for _, garbage := range []string{"x", "~~~~", "a.b~c.d", strings.Repeat("x", 3000), strings.Repeat("x.y~", 500)} {
		answer := site.with("daypass-known="+garbage).post("/login", "username", "ada", "password", testPassword).leadsTo("/dashboard")
		if device := deviceCookieOf(answer); !regexp.MustCompile(`^daypass-known=[A-Z2-7]{26}\.[A-Za-z0-9+/]{43}$`).MatchString(device) {
			t.Errorf("%.20q leaves %.200q", garbage, device)
		}
	}
}
