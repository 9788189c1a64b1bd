package handlers_test

import (
	"fmt"
	"strings"
	"testing"

	"daypass/handlers/sitetest"
	"daypass/models"
)

// TestDevicesCanBeToldApart by what a browser says of itself, and an iPad by what the
// script says of its screen.
func TestDevicesCanBeToldApart(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	const mac = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15"
	for _, device := range []struct{ agent, touch, name, version string }{
		{"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1", "", "Safari on iPhone", "Version 17.5"},
		{"Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/12.1 Mobile/15E148 Safari/604.1", "", "Safari on iPad", "Version 12.1"},
		{mac, "", "Safari on macOS", "Version 17.5"},
		{mac, "1", "Safari on iPad", "Version 17.5"},
		{"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "1", "Firefox on Linux", "Version 128 ·"},
		{"", "", "Unknown browser", ""},
	} {
		visitor := site.Visitor()
		visitor.Header.Set("User-Agent", device.agent)
		visitor.Post("/login", "username", "ada", "password", sitetest.Password, "touch", device.touch).LeadsTo("/dashboard")
		visitor.Get("/sessions").Says(">" + device.name + ` <span class="tag">this device</span>`).Says(device.version)
		site.Change(`DELETE FROM events`)
		visitor.Post("/logout").Answers(303) // the sign-out is that of the same device
		if browser := site.Query(`SELECT browser FROM events WHERE kind = 'sign-out'`); !strings.Contains(browser, device.name) {
			t.Errorf("%s signed out as %q", device.name, browser)
		}
	}
}

// TestADeviceHasTheNameThatItsUserGivesIt in every session that this user has in that
// browser, whatever happens to the password.
func TestADeviceHasTheNameThatItsUserGivesIt(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	root := site.SignedIn("root", models.Admin)
	laptop, phone := site.SignIn("ada"), site.SignIn("ada")
	page := func(of string) string { return "/sessions/" + of + "/name" }
	name := func() string { return laptop.Get("/sessions").First(`href="(/sessions/[A-Z2-7]+/name)"`) }

	phone.Get("/dashboard").SaysNot("laptop") // and is cached
	laptop.Get(name()).Answers(200).Says("Name the device").Says(`action="` + name() + `"`)
	laptop.Post(name(), "name", strings.Repeat("x", 41)).Answers(422).Says("Use at most 40 characters.").Says(`value="xxxx`)
	laptop.Post(name(), "name", "a\x00b").Answers(422)
	laptop.Post(name(), "name", "\u200b").Answers(422)
	laptop.Post(name()).Answers(400)
	laptop.Post(name(), "name", "  <Work> laptop ").LeadsTo("/sessions")
	const shown = "<bdi>&lt;Work&gt; laptop</bdi>"
	laptop.Get("/sessions").Says("The name of the device was saved.").Says(shown + ` <span class="tag">this device</span>`).Says("End<span class=\"for-readers\"> the session on &lt;Work&gt; laptop")
	laptop.Get("/dashboard").Says("<dt>Device</dt><dd>" + shown)
	phone.Get("/dashboard").Says(shown)
	root.Get("/admin/users/" + site.User("ada").ID).Says(shown)
	root.Get("/admin/sessions").Says(shown)

	// It is that user's own affair.
	ofAda := site.SessionsOf("ada")[0].ID
	root.Get(page(ofAda)).Answers(404)
	root.Post(page(ofAda), "name", "Mine").Answers(404)
	site.Visitor().Get(page(ofAda)).LeadsToSignIn()
	if named := site.Query(`SELECT id, name FROM devices`); strings.Count(named, "laptop") != 1 || strings.Contains(named, "Mine") {
		t.Errorf("the devices are %s", named)
	}

	// The next session there, and one after a change of the password, here or elsewlaptop.
	again := func(password string) {
		laptop.Post("/logout").Answers(303)
		laptop.Login("ada", password).LeadsTo("/dashboard")
		laptop.Get("/sessions").Says(shown + ` <span class="tag">this device</span>`)
	}
	again(sitetest.Password)
	const second, third = "another walk in the grass", "yet another walk in the grass"
	laptop.Post("/account/password", "current", sitetest.Password, "password", second).LeadsTo("/account")
	laptop.Get("/sessions").Says(shown)
	again(second)
	sitetest.Must(t, site.DB.SetPassword(t.Context(), site.User("ada"), third, models.CommandLine))
	laptop.Login("ada", third).LeadsTo("/dashboard")
	again(third)
	site.SignInWith("ada", third).Get("/sessions").SaysNot(shown + ` <span class="tag">this`) // on another device

	laptop.Post("/account/data.json", "download", "json").Answers(200).Says(`"name":"\u003cWork\u003e laptop"`)
	laptop.Post(name(), "name", "").LeadsTo("/sessions")
	laptop.Get("/dashboard").SaysNot("laptop")
	if left := site.Count(`SELECT COUNT(*) FROM devices`); left != 0 {
		t.Errorf("%d names are left", left)
	}
}

// TestNamesOfDevicesGo with their user, when browsers have forgotten them, and when
// there are too many.
func TestNamesOfDevicesGo(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.SignedIn("eve", models.Member)
	for _, name := range []string{"ada", "eve"} {
		if name == "ada" {
			site.SignIn(name)
		}
		sitetest.Must(t, site.DB.NameDevice(t.Context(), site.User(name), site.SessionsOf(name)[0].ID, "Phone"))
	}
	sitetest.Must(t, site.DB.RemoveUser(t.Context(), site.User("eve"), models.CommandLine))
	if left := site.Count(`SELECT COUNT(*) FROM devices`); left != 1 {
		t.Errorf("%d of 1 are left", left)
	}
	for i := range models.MaxDevices + 5 {
		site.Change(fmt.Sprintf(`INSERT INTO devices (user_id, id, name, used) SELECT id, 'd%d', 'x', %d FROM users WHERE name = 'ada'`, i, i))
	}
	sitetest.Must(t, site.DB.NameDevice(t.Context(), site.User("ada"), site.SessionsOf("ada")[0].ID, "Tablet"))
	if left := site.Count(`SELECT COUNT(*) FROM devices`); left != models.MaxDevices || site.Count(`SELECT COUNT(*) FROM devices WHERE name = 'Tablet'`) != 1 {
		t.Errorf("%d of %d are left", left, models.MaxDevices)
	}
	sitetest.Must(t, site.DB.Sweep(t.Context()))
	if left := site.Count(`SELECT COUNT(*) FROM devices`); left != 1 {
		t.Errorf("%d of 1 are left in use", left)
	}
}
