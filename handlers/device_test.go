package handlers_test

import (
	"strings"
	"testing"

	"daypass/handlers/sitetest"
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
