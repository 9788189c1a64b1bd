package handlers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"

	"daypass/handlers/sitetest"
)

// TestTimes has events around midnight in Auckland, which is not midnight in UTC.
func TestTimes(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	for i, text := range []string{"2026-01-31T10:59:00Z", "2026-01-31T11:01:00Z", "2026-01-31T23:30:00Z", "2026-02-01T04:39:00Z"} {
		at, err := time.Parse(time.RFC3339, text)
		sitetest.Must(t, err)
		site.Change(fmt.Sprintf(`INSERT INTO events (id, user_id, kind, at, address, browser)
			SELECT '0%d', id, 'sign-out', %d, '203.0.113.9', 'Firefox on Linux' FROM users WHERE name = 'ada'`, i, at.Unix()))
	}
	plain := site.SignIn("ada").Get("/activity?kind=sign-out")
	if shown := strings.Split(plain.Body, "<h2>"); len(shown) != 3 || strings.Count(shown[2], "<li>") != 3 {
		t.Errorf("without the script there are no two days of UTC:\n%s", plain.Body)
	}
	plain.Says(`<h2><time datetime="2026-02-01T04:39:00Z" data-show="day">Sunday, 1 February 2026</time></h2>`).Says(">04:39 UTC</time>")

	w := sitetest.Chromium(t, 1280, 800, false)
	look := func(zone, locale string) {
		t.Helper()
		sitetest.Call(w, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: zone})
		sitetest.Call(w, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: "Mozilla/5.0", AcceptLanguage: locale})
	}
	w.SignIn(site.URL)

	look("Pacific/Auckland", "en-NZ")
	w.Open(site.URL + "/activity?kind=sign-out")
	days := sitetest.Evaluate[[]string](w, `[...document.querySelectorAll(".days h2")].map((h2) => h2.nextElementSibling.children.length + " on " + h2.textContent)`)
	if want := []string{"3 on Sunday, 1 February 2026", "1 on Saturday, 31 January 2026"}; !slices.EqualFunc(days, want, func(got, want string) bool {
		return strings.ReplaceAll(strings.Replace(got, "Sunday 1", "Sunday, 1", 1), "Saturday 31", "Saturday, 31") == want
	}) {
		t.Errorf("the days are %q", days)
	}

	look("America/New_York", "en-US")
	w.Open(site.URL + "/dashboard")
	events := sitetest.Evaluate[string](w, `document.querySelector(".cards > :last-child").textContent`)
	if !strings.Contains(strings.ReplaceAll(events, "\u202f", " "), "Jan 31, 2026, 11:39 PM") && !strings.Contains(strings.ReplaceAll(events, "\u202f", " "), "Jan 31, 11:39 PM") {
		t.Errorf("an event of 23:39 in New York is shown as:\n%s", events)
	}
	look("Europe/Berlin", "de-DE")
	w.Open(site.URL + "/dashboard")
	if lang := sitetest.Evaluate[string](w, `document.querySelector("time").lang + " " + document.querySelector("time span").lang`); lang != "de-DE en" {
		t.Errorf("the languages of a date and the words beside it are %q", lang)
	}

	// No unit is ever full: there is no "60 seconds ago", "24 hours ago" or "12 months ago".
	said := sitetest.Evaluate[[]string](w, `Array.from({ length: 400_000 }, (_, i) => i < 200_000 ? i : Math.round(200_000 * 1.00005 ** (i - 200_000)))
		.map((seconds) => ago(Date.now() - 1000 * seconds - 700)).filter((text, i, all) => text !== all[i - 1])`)
	for _, text := range said {
		var count int
		var unit string
		fmt.Sscanf(text, "%d %s", &count, &unit)
		if most, ok := map[string]int{"seconds": 59, "minutes": 59, "hours": 23, "days": 29, "months": 11}[unit]; ok && count > most {
			t.Errorf("a time is said as %q", text)
		}
	}
	for seconds, want := range map[int]string{20: "just now", 58: "58 seconds ago", 60: "1 minute ago", 35 * 60: "35 minutes ago", 13 * 3600: "13 hours ago", 20 * 86400: "20 days ago", 250 * 86400: "8 months ago"} {
		if got := sitetest.Evaluate[string](w, fmt.Sprintf("ago(Date.now() - %d)", 1000*seconds)); got != want {
			t.Errorf("%d seconds are said as %q, not %q", seconds, got, want)
		}
	}
	if len(said) < 100 {
		t.Errorf("only %d ways to say a time", len(said))
	}

	// Paper shows the moment, with its year and zone, and nothing that stops being true.
	printed := sitetest.Evaluate[string](w, `dispatchEvent(new Event("beforeprint")), document.querySelector(".facts").innerText`)
	if strings.Contains(printed, "just now") || !strings.Contains(printed, "MEZ") && !strings.Contains(printed, "MESZ") {
		t.Errorf("printed, the session is %q", printed)
	}
	if shown := sitetest.Evaluate[string](w, `dispatchEvent(new Event("afterprint")), document.querySelector(".facts").innerText`); !strings.Contains(shown, "just now") {
		t.Errorf("after printing, the session is %q", shown)
	}
}
