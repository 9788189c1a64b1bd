package handlers_test

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"daypass/handlers/sitetest"
	"daypass/models"
)

// TestS12WhatIsKeptIsNeverStale tries to catch the memory lying: while readers ask
// for kept pages all the time, what these show is changed by this process, over
// another connection, and by another process. Whoever asks after a change was
// acknowledged sees it, or a later one.
func TestS12WhatIsKeptIsNeverStale(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	eve := site.AddUser("eve", models.Member)
	other := site.AnotherWriter()
	var acknowledged atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	var asked atomic.Int64
	for range 8 {
		browser := site.SignIn("eve")
		readers.Go(func() {
			number := regexp.MustCompile(`Hello, <bdi>(?:Eve (\d+)|eve)</bdi>`)
			for ctx.Err() == nil {
				least := acknowledged.Load()
				found := number.FindStringSubmatch(browser.Get("/dashboard").Body)
				if found == nil {
					t.Error("the dashboard greets nobody")
					return
				}
				if shown, _ := strconv.ParseInt(found[1], 10, 64); shown < least {
					t.Errorf("the page says %d after %d was acknowledged", shown, least)
				}
				asked.Add(1)
			}
		})
	}
	mine, changes := site.SignIn("eve"), 200
	if testing.Short() {
		changes = 60
	}
	for i := range int64(changes) {
		name := fmt.Sprintf("Eve %d", i+1)
		switch i % 4 {
		case 0:
			sitetest.Must(t, site.DB.SetFullName(t.Context(), eve, name, models.CommandLine))
		case 1:
			site.Change(`UPDATE users SET full_name = '` + name + `' WHERE name = 'eve'`)
		case 2:
			other(`UPDATE users SET full_name = '` + name + `' WHERE name = 'eve'`)
		case 3:
			mine.Post("/account/name", "full_name", name).LeadsTo("/account")
		}
		acknowledged.Store(i + 1)
	}
	cancel()
	readers.Wait()
	t.Logf("%d pages, none of them stale", asked.Load())
}

// TestS12EveryChangeIsSeenAtOnce makes each kind of change while the pages that
// show it are kept: by somebody else's browser, over another connection, by another process, and by the
// command line.
func TestS12EveryChangeIsSeenAtOnce(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	eve := site.AddUser("eve", models.Member)
	other := site.AnotherWriter()
	ada := site.SignIn("ada")
	command := func(args ...string) func() {
		return func() {
			t.Helper()
			if status, _, errs := sitetest.Typed(t, "another walk in the grass", append([]string{"--database", site.File}, args...)...); status != 0 {
				t.Fatalf("daypass %q: %s", args, errs)
			}
		}
	}
	shows := func(path, text string, times int) func(*sitetest.Browser) {
		return func(b *sitetest.Browser) {
			t.Helper()
			if page := b.Get(path).Answers(200); strings.Count(page.Body, text) < times {
				t.Errorf("%s says %q %d times, and not %d", path, text, strings.Count(page.Body, text), times)
			}
		}
	}
	isOut := func(b *sitetest.Browser) { t.Helper(); b.Get("/dashboard").LeadsToSignIn() }
	sql := func(statement string) func() { return func() { t.Helper(); other(statement) } }
	raw := func(statement string) func() { return func() { t.Helper(); site.Change(statement) } }
	const ofEve = ` WHERE user_id = (SELECT id FROM users WHERE name = 'eve')`
	for name, change := range map[string]struct {
		make func()
		seen func(*sitetest.Browser)
	}{
		"disabled by an administrator":     {func() { ada.Post("/admin/users/" + eve.ID + "/disable").Answers(303) }, isOut},
		"disabled by another process":      {sql(`UPDATE users SET disabled = TRUE WHERE name = 'eve'`), isOut},
		"disabled over another connection": {raw(`UPDATE users SET disabled = TRUE WHERE name = 'eve'`), isOut},
		"disabled by a command":            {command("user", "disable", "eve"), isOut},
		"session ended by a command":       {command("session", "end", "--user", "eve"), isOut},
		"session deleted":                  {sql(`DELETE FROM sessions` + ofEve), isOut},
		"session expired":                  {sql(`UPDATE sessions SET expires = 1` + ofEve), isOut},
		"payload gone":                     {sql(`DELETE FROM session_payloads WHERE k IN (SELECT id FROM sessions` + ofEve + `)`), isOut},
		"payload damaged":                  {raw(`UPDATE session_payloads SET v = ` + sitetest.Bytes(0) + ` WHERE k IN (SELECT id FROM sessions` + ofEve + `)`), isOut},
		"all ended by an administrator":    {func() { ada.Post("/admin/sessions/end").LeadsTo("/login?left=1"); ada = site.SignIn("ada") }, isOut},
		"another password":                 {command("user", "password", "eve"), isOut},
		"removed":                          {command("user", "remove", "eve"), isOut},
		"renamed by another process":       {sql(`UPDATE users SET name = 'eva' WHERE name = 'eve'`), shows("/dashboard", "eva", 1)},
		"made an administrator":            {func() { ada.Post("/admin/users/" + eve.ID + "/make-admin").Answers(303) }, shows("/dashboard", "Administration", 1)},
		"made one by another process":      {sql(`UPDATE users SET role = 'admin' WHERE name = 'eve'`), shows("/dashboard", "Administration", 1)},
		"a failed sign-in":                 {func() { site.Visitor().Login("eve", "wrong").Answers(422) }, shows("/activity", "Failed sign-in</span>", 1)},
		"a sign-in elsewhere":              {func() { site.SignIn("eve") }, shows("/sessions", "Firefox on Linux", 2)},
		"an event of another process":      {sql(`INSERT INTO events (id, user_id, kind, at, address, browser) SELECT 'x', id, 'data downloaded', 1, '', 'nobody' FROM users WHERE name = 'eve'`), shows("/activity", "nobody", 1)},
		"a value of another process":       {sql(`INSERT INTO session_values SELECT id, 'flash', 'Look here' FROM sessions` + ofEve), shows("/dashboard", "Look here", 1)},
		"a session's browser":              {raw(`UPDATE sessions SET browser = 'Lynx'` + ofEve), shows("/sessions", "Lynx", 1)},
	} {
		command("user", "remove", "eve")()
		eve = site.AddUser("eve", models.Member)
		browser := site.SignIn("eve")
		for range 3 {
			for _, path := range []string{"/dashboard", "/sessions", "/activity"} {
				browser.Get(path).Answers(200)
			}
		}
		change.make()
		if change.seen(browser); t.Failed() {
			t.Fatalf("%s was not seen", name)
		}
		site.Change(`DELETE FROM events WHERE id = 'x'`)
		site.Change(`UPDATE users SET name = 'eve', disabled = FALSE WHERE name_key = 'eve'`)
		if name == "removed" {
			site.AddUser("eve", models.Member)
		}
	}
}
