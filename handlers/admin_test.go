package handlers_test

import (
	"html"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"daypass/handlers/sitetest"
	"daypass/models"
)

func TestAdministeringUsers(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	eve := site.AddUser("eve", models.Member)
	ada, hers := site.SignIn("ada"), site.SignIn("eve")
	at := "/admin/users/" + eve.ID
	ada.Get(at).Answers(200).Says("Make administrator")
	for _, path := range []string{"/admin/users/nobody", "/admin/users/%00"} {
		ada.Get(path).Answers(404)
		ada.Post(path + "/disable").Answers(404)
	}
	ada.Post(at + "/promote").Answers(404)
	hers.Get("/admin").Answers(403)
	hers.Post(at + "/make-admin").Answers(403)

	ada.Post(at + "/make-admin").LeadsTo(at)
	ada.Get(at).Says("is an administrator now")
	hers.Get("/admin").Answers(200) // from the next request on
	ada.Post(at + "/make-member").LeadsTo(at)
	hers.Get("/admin").Answers(403)
	ada.Post(at + "/end-sessions").LeadsTo(at)
	hers.Get("/dashboard").LeadsToSignIn()
	hers.Login("eve", sitetest.Password).LeadsTo("/dashboard")
	hers.Get("/activity").Says("Role changed").Says("by <bdi>ada</bdi>")
	ada.Post(at + "/disable").LeadsTo(at)
	hers.Get("/dashboard").LeadsToSignIn()
	ada.Get("/admin/users?state=disabled").Says("eve")
	ada.Post(at + "/enable").LeadsTo(at)
	hersAtRemoval := ada.Get("/admin/activity?name=eve").Answers(200).Body // goes with her
	ada.Post(at + "/remove").LeadsTo("/admin/users")
	ada.Get(at).Answers(404)

	self := "/admin/users/" + site.User("ada").ID
	for _, act := range []string{"/make-member", "/disable", "/remove"} {
		ada.Post(self + act).Answers(422).Says(`<p class="message bad" role="alert">`).Says("last administrator")
	}
	ada.Post("/admin/sessions/end").LeadsTo("/login?left=1")
	ada.Get("/dashboard").LeadsToSignIn()

	// Every act is an event, with whose it was.
	ada.Login("ada", sitetest.Password).LeadsTo("/dashboard")
	after := ada.Get("/admin/activity").Answers(200).Body
	for act, page := range map[string]string{
		"Role changed": hersAtRemoval, "Session ended": hersAtRemoval, "Account disabled": hersAtRemoval, "Account enabled": hersAtRemoval,
		"Account removed": after, "All sessions ended": after,
	} {
		if !slices.ContainsFunc(strings.Split(page, "<li>"), func(row string) bool {
			return strings.Contains(row, act) && strings.Contains(row, "by <bdi>ada</bdi>")
		}) {
			t.Errorf("%q is no event of ada's", act)
		}
	}
}

func TestTheLastAdministratorStaysWhoWasAMemberWhenTheFormWasSent(t *testing.T) {
	site := sitetest.Start(t)
	site.AddUser("eve", models.Member)
	eve := site.SignIn("eve")
	site.WhileWriting(`UPDATE users SET role = CASE name WHEN 'eve' THEN 'admin' ELSE 'member' END`,
		func() *sitetest.Answer { return eve.Post("/account/remove", "current", sitetest.Password) }, "models.(*attempts).reserve").Answers(422).Says("last administrator")
	eve.Get("/admin").Answers(200)
}

func TestWhoIsNoAdministratorAnyMoreActsOnNobody(t *testing.T) {
	site := sitetest.Start(t)
	eve := site.AddUser("eve", models.Admin)
	site.AddUser("bob", models.Admin)
	for unmade, change := range map[string]string{"made a member": `role = 'member'`, "disabled": `disabled = TRUE`} {
		site.Change(`UPDATE users SET role = 'admin', disabled = FALSE`)
		bob := site.SignIn("bob")
		for path, function := range map[string]string{
			"/admin/users/" + eve.ID + "/disable":     "models.(*DB).SetDisabled",
			"/admin/users/" + eve.ID + "/make-member": "models.(*DB).SetRole",
			"/admin/users/" + eve.ID + "/remove":      "models.(*DB).RemoveUser",
			"/admin/users/" + eve.ID + "/link":        "models.(*DB).NewPasswordToken",
			"/admin/sessions/end":                     "models.(*DB).EndAllSessions",
		} {
			site.Change(`UPDATE users SET role = 'admin', disabled = FALSE`)
			answer := site.WhileWriting(`UPDATE users SET `+change+` WHERE name = 'bob'`, func() *sitetest.Answer { return bob.Post(path) }, function)
			if answer.Response.StatusCode != 403 {
				t.Errorf("%s after bob was %s: %d", path, unmade, answer.Response.StatusCode)
			}
		}
	}
	if user := site.User("eve"); user.Disabled || !user.IsAdmin() || site.Count(`SELECT COUNT(*) FROM links`) != 0 {
		t.Errorf("left is %+v", user)
	}
}

// TestNobodyIsTakenForWhoseNameTheyChose: a full name is what its owner says, so
// the username stands beside it wherever administrators see it.
func TestNobodyIsTakenForWhoseNameTheyChose(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	eve := site.AddUser("eve", models.Member)
	ada, hers := site.SignIn("ada"), site.SignIn("eve")
	hers.Post("/account/name", "full_name", "root").LeadsTo("/account")
	names := func(path, both string) {
		t.Helper()
		page := ada.Get(path).Answers(200).Says(both)
		if strings.Contains(strings.NewReplacer(both, "", "eve (root) · Daypass</title>", "").Replace(page.Body), "root") {
			t.Errorf("%s shows a full name without the username:\n%s", path, page.Body)
		}
	}
	const both = "<bdi>eve</bdi> (<bdi>root</bdi>)"
	at := "/admin/users/" + eve.ID
	names("/admin/sessions", `<bdi>eve</bdi></a><span class="detail"><bdi>root</bdi></span>`)
	names(at, both)
	names("/admin/users", `<bdi>eve</bdi></a><span class="detail"><bdi>root</bdi></span>`)
	if page := ada.Get("/admin/activity"); strings.Contains(page.Body, "root") {
		t.Error("all activity names a user by the full name")
	}
	ada.Get(at).Says("<title>eve (root) · Daypass</title>").Says("Deletes the account of " + both)
	ada.Post(at + "/link").LeadsTo(at + "/link")
	ada.Get(at + "/link").Says("A link for " + both).Says("Hello root,").Says("Your username is eve.")
	ada.Get(at + "/link").Says("<title>A link for eve (root) · Daypass</title>")
	for _, each := range [][2]string{{"make-admin", "is an administrator now"}, {"make-member", "is a member now"}, {"disable", "is disabled"}, {"enable", "can sign in again"}, {"end-sessions", "is signed out"}} {
		ada.Post(at + "/" + each[0]).LeadsTo(at)
		ada.Get(at).Says("<span>eve (root) " + each[1])
	}
	site.SignIn("eve")
	end := regexp.MustCompile(`action="(/admin/sessions/\w+/end)"`).FindStringSubmatch(ada.Get(at).Body)
	ada.Post(end[1], "next", at).LeadsTo(at) // as the form on that page does
	ada.Get(at).Says("The session of eve (root) was ended.")
	ada.Post(at + "/remove").LeadsTo("/admin/users")
	ada.Get("/admin/users").Says("eve (root) was removed.")
}

// TestTheNameOfARemovedUserStandsNowhere: not even as whose act something was, in
// pages that others have open already.
func TestTheNameOfARemovedUserStandsNowhere(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	eve, bob := site.AddUser("eve", models.Member), site.AddUser("bobby", models.Admin)
	hers, his, ada := site.SignIn("eve"), site.SignIn("bobby"), site.SignIn("ada")
	his.Post("/admin/users/" + eve.ID + "/make-admin").LeadsTo("/admin/users/" + eve.ID)
	his.Post("/admin/users/" + eve.ID + "/make-member").LeadsTo("/admin/users/" + eve.ID)
	his.Post("/admin/users/" + bob.ID + "/make-member").LeadsTo("/admin/users/" + bob.ID)
	for _, path := range []string{"/activity.csv", "/dashboard", "/activity"} {
		hers.Get(path).Answers(200).Says("bobby").Says("command line")
	}
	hers.Post("/account/data.json").Answers(200).Says("bobby").Says("command line")
	ada.Post("/admin/users/" + bob.ID + "/remove").LeadsTo("/admin/users")
	namesNobody := func() {
		t.Helper()
		for path, method := range map[string]string{"/dashboard": "GET", "/activity": "GET", "/activity.csv": "GET", "/account/data.json": "POST"} {
			if page := hers.Do(method, path, nil).Answers(200).Says("removed user").Says("command line"); strings.Contains(page.Body, "bobby") {
				t.Errorf("%s names who was removed:\n%s", path, page.Body)
			}
		}
	}
	namesNobody()
	site.AddUser("bobby", models.Member) // is somebody else
	namesNobody()
	if kept := site.Count(`SELECT SUM(count) FROM events WHERE author_id = '` + bob.ID + `'`); kept != 2 {
		t.Errorf("%d acts are known as those of one user", kept)
	}
}

func TestUsersAreFoundAndPaged(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.Change(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120)
		INSERT INTO users (id, name, name_key, full_name, search_key, role, disabled, created, password)
		SELECT 'id' || number, 'User' || number, 'user' || number, CASE WHEN i % 2 = 1 THEN 'Odd_100%' ELSE 'Even' END,
			'user' || number || CASE WHEN i % 2 = 1 THEN ' odd_100%' ELSE ' even' END, 'member', FALSE, i / 7, 'x' FROM (SELECT i, substr(CAST(1000 + i AS TEXT), 2) AS number FROM n) numbered`)
	ada := site.SignIn("ada")
	site.Change(`UPDATE users SET last_active = 1 + length(name) + created % 3 WHERE id LIKE 'id0%'`)
	for _, sort := range []string{"", "name", "-name", "added", "-added", "active", "-active", "nonsense"} {
		pages := walk(ada, "/admin/users?sort="+sort, `href="/admin/users/(id\d+)"`)
		seen := map[string]bool{}
		for _, name := range slices.Concat(pages...) {
			seen[name] = true
		}
		if len(seen) != 120 || len(slices.Concat(pages...)) != 120 || len(pages) != 3 {
			t.Errorf("sorted %q: %d users on %d pages", sort, len(seen), len(pages))
		}
	}
	if pages := walk(ada, "/admin/users?sort=-name", `href="/admin/users/(id\d+)"`); pages[0][0] != "id120" || pages[2][len(pages[2])-1] != "id001" {
		t.Errorf("sorted by name, last first: %q", pages)
	}
	for text, want := range map[string]int{"user00": 9, "USER005": 1, "odd_100%": 50, "100%": 50, "_": 50, "%": 50, "nobody": 0, `\`: 0} {
		page := ada.Get("/admin/users?text=" + url.QueryEscape(text)).Answers(200)
		if found := len(regexp.MustCompile(`href="/admin/users/id\d+"`).FindAllString(page.Body, -1)); found != want {
			t.Errorf("%q finds %d, not %d", text, found, want)
		}
	}
	ada.Get("/admin/users?role=admin").Says("ada")
	ada.Get("/admin/users?after=nobody").Answers(200)
	next := html.UnescapeString(ada.Get("/admin/users").Says("1–50 of 121</span>").First(`href="([^"]+)" rel="next"`))
	second := ada.Get(next).Says("51–100 of 121</span>")
	ada.Get(html.UnescapeString(second.First(`href="([^"]+)" rel="prev"`))).Says("1–50 of 121</span>")
	ada.Get(html.UnescapeString(second.First(`href="([^"]+)" rel="next"`))).Says("101–121 of 121</span>")
	ada.Get(strings.Replace(next, "row=51", "row=nonsense", 1)).Answers(200).SaysNot(" of 121</span>")
	ada.Get("/admin/users?text=user00").SaysNot("1–50")
	ada.Get("/admin/users?before=nobody.x&sort=added").Answers(200).Says("Everyone with an account: 121 users.")
	ada.Get("/admin/sessions?text=FIREFOX").Answers(200).Says("Firefox on Linux")
	ada.Get("/admin/sessions?text=127.0.0").Says("Firefox on Linux")
	ada.Get("/admin/sessions?text=nobody").Says("No sessions match")
}

// walk goes through the pages of a list to its end, and back by the links to the
// previous page, which shows the same again. It returns what the pattern finds on
// each page.
func walk(browser *sitetest.Browser, path, pattern string) (pages [][]string) {
	browser.T.Helper()
	rows := regexp.MustCompile(pattern)
	link := func(page *sitetest.Answer, rel string) string {
		found := regexp.MustCompile(`href="([^"]+)" rel="` + rel + `"`).FindStringSubmatch(page.Body)
		if found == nil {
			return ""
		}
		return html.UnescapeString(found[1])
	}
	read := func(page *sitetest.Answer) (found []string) {
		for _, row := range rows.FindAllStringSubmatch(page.Body, -1) {
			found = append(found, row[1])
		}
		return found
	}
	page := browser.Get(path).Answers(200)
	pages = append(pages, read(page))
	for next := link(page, "next"); next != ""; next = link(page, "next") {
		page = browser.Get(next).Answers(200)
		pages = append(pages, read(page))
	}
	for i := len(pages) - 2; i >= 0; i-- {
		page = browser.Get(link(page, "prev")).Answers(200)
		if again := read(page); !slices.Equal(again, pages[i]) {
			browser.T.Errorf("%s: on the way back page %d has %q, not %q", path, i+1, again, pages[i])
		}
	}
	if more := link(page, "prev"); more != "" {
		browser.T.Errorf("%s: the first page leads back to %s", path, more)
	}
	return pages
}

func TestTablesSortByTheirHeadings(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	eve := site.AddUser("eve", models.Member)
	site.Change(`UPDATE users SET created = $1 WHERE name = 'eve'`, time.Date(2026, 1, 31, 11, 30, 0, 0, time.UTC).Unix())
	site.SignIn("eve")
	ada := site.SignIn("ada")
	users := ada.Get("/admin/users?role=member").Answers(200).
		Says(`<section class="scroll" aria-label="Users" tabindex="0">`).
		Says(`<th scope="col" aria-sort="ascending"><a href="/admin/users?role=member&amp;sort=-name">Name</a>`).
		Says(`<th scope="col" class="number">Sessions`).
		Says(`<th scope="col"><a href="/admin/users?role=member&amp;sort=-added">Added</a>`).
		Says(`<td class="number">1</td>`).
		Says("1 of 2 users.")
	ada.Get("/admin/users?role=member&sort=-added").
		Says(`<th scope="col" aria-sort="descending"><a href="/admin/users?role=member&amp;sort=added">Added</a>`).
		Says(`<input type="hidden" name="sort" value="-added">`)
	users.SaysNot("Never")
	site.AddUser("bob", models.Member)
	ada.Get("/admin/users?text=bob").Says("<td>Never</td>")

	// The days of a filter are those of the reader: half past eleven in UTC is the next
	// day in Auckland.
	for query, found := range map[string]bool{
		"from=2026-01-31&through=2026-01-31": true, "from=2026-01-31": true, "from=2026-02-01&through=2026-02-01": false, "through=2026-01-30": false,
		"from=2026-02-01&through=2026-02-01&zone=Pacific/Auckland": true, "through=2026-01-31&zone=Pacific/Auckland": false,
		"from=2026-01-31&through=2026-01-31&zone=No/Where": true, "through=nonsense": true,
	} {
		if body := ada.Get("/admin/users?" + query).Answers(200).Body; strings.Contains(body, "/admin/users/"+eve.ID) != found {
			t.Errorf("%s finds eve: %t", query, !found)
		}
	}

	site.Change(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 70)
		INSERT INTO sessions (id, user_id, signer, address, browser, created, seen, expires)
		SELECT 's' || i, (SELECT id FROM users WHERE name = 'bob'), '', '203.0.113.9', 'Firefox on Linux', $1 - i / 5, $1 - i / 7, $1 + 9999 FROM n`, time.Now().Unix())
	ada.Get("/admin/sessions").Says("Everywhere people are signed in: 72 sessions.").Says(`aria-sort="descending"><a href="/admin/sessions?sort=seen">Last active</a>`)
	for _, sort := range []string{"", "user", "-user", "created", "-created", "seen", "-seen"} {
		pages := walk(ada, "/admin/sessions?sort="+sort, `name="id" value="(\w+)"`)
		all := slices.Concat(pages...)
		if len(pages) != 2 || len(all) != 72 || len(slices.Compact(slices.Sorted(slices.Values(all)))) != 72 {
			t.Errorf("sorted %q: %d sessions on %d pages", sort, len(all), len(pages))
		}
	}
	tomorrow := time.Now().Add(48 * time.Hour).Format(time.DateOnly)
	ada.Get("/admin/sessions?from=" + tomorrow).Says("No sessions match.").Says("Clear filters")
	ada.Get("/admin/sessions?text=bob&through=" + tomorrow).Says("70 sessions")
}

// TestListsAreFilteredByOneUser, to whom a search by name would add others, and the
// filter is seen and can be taken away.
func TestListsAreFilteredByOneUser(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	bob := site.AddUser("bob", models.Member)
	site.AddUser("bobby", models.Member)
	for range 4 {
		site.SignIn("bob")
	}
	site.SignIn("bobby")
	ada := site.SignIn("ada")
	page := ada.Get("/admin/users/" + bob.ID)
	sessions := html.UnescapeString(page.First(`href="([^"]+)">All 4 sessions`))
	activity := html.UnescapeString(page.First(`href="([^"]+)">All activity`))
	list := ada.Get(sessions + "&sort=user").Answers(200).Says("Everywhere <bdi>bob</bdi> is signed in: 4 sessions.").SaysNot("bobby").
		Says(`<input type="hidden" name="user" value="` + bob.ID + `">`).SaysNot("Clear filters")
	if all := html.UnescapeString(list.First(`href="([^"]+)">Show all users`)); all != "/admin/sessions?sort=user" {
		t.Errorf("all sessions are at %s", all)
	}
	ada.Get(sessions + "&text=203").Says("No sessions match").Says("Clear filters")
	events := ada.Get(activity + "&kind=sign-in").Answers(200).Says("Signed in · ").SaysNot("bobby").Says(`href="/admin/activity?kind=sign-in">Show all users`)
	file := ada.Get(html.UnescapeString(events.First(`href="([^"]+)" download`))).Answers(200).SaysNot("bobby")
	if lines := strings.Count(file.Body, "sign-in"); lines == 0 || strings.Contains(file.Body, "ada") {
		t.Errorf("the file has %d sign-ins:\n%s", lines, file.Body)
	}
	ada.Get("/admin/sessions?user=nobody").Answers(404)
	ada.Get("/admin/activity?user=nobody").Answers(404)
	ada.Get("/admin/sessions").SaysNot("Show all users")
	ada.Get("/activity?user=" + bob.ID).Answers(200).SaysNot("bob") // one's own is always that
}

// TestAllSessionsAreFilteredByState: how lately they were used, and how soon they end.
func TestAllSessionsAreFilteredByState(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.AddUser("eve", models.Member)
	site.SignIn("eve")
	site.Advance(23*time.Hour + time.Minute)
	ada := site.SignIn("ada")
	for state, want := range map[string][2]bool{"used": {true, false}, "unused": {false, true}, "ending": {false, true}, "": {true, true}} {
		page := ada.Get("/admin/sessions?state=" + state).Answers(200)
		for i, name := range []string{"ada", "eve"} {
			if got := strings.Contains(page.Body, `<th scope="row"><a href="/admin/users/`+site.User(name).ID); got != want[i] {
				t.Errorf("%q lists %s: %t", state, name, got)
			}
		}
		if state != "" {
			page.Says(`value="` + state + `" selected`).Says("Clear filters").Says("1 session.")
		}
	}
}

func TestASearchForWhatCannotBeThereFindsNothing(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	ada := site.SignIn("ada")
	for _, text := range []string{strings.Repeat("a", 257), "\x00", "ada\x00", "ada\n", "\xff"} {
		ada.Get("/admin/users?text=" + url.QueryEscape(text)).Answers(200).Says("No users match.")
		ada.Get("/admin/sessions?text=" + url.QueryEscape(text)).Answers(200).Says("No sessions match.")
		ada.Get("/admin/activity?name=" + url.QueryEscape(text)).Answers(200).Says("Nothing matches.")
	}
	ada.Get("/admin/users?text=ADA").SaysNot("No users match.")
}

func TestNamesOfAllScriptsAreFoundWordByWord(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	ada := site.SignIn("ada")
	for name, full := range map[string]string{"ivan": "Иван Петров", "mesut": "Mesut Özil", "greta": "Greta Weiß", "kim": "ＫＩＭ Ｍinsu", "eve": ""} {
		_, err := site.DB.AddUser(t.Context(), models.NewUser{Name: name, FullName: full, Password: sitetest.Password, Role: models.Member}, models.CommandLine)
		sitetest.Must(t, err)
		site.SignIn(name)
	}
	hers := site.SignIn("eve")
	hers.Post("/account/name", "full_name", "Ève İpek").LeadsTo("/account")
	for text, want := range map[string]string{
		"Иван": "ivan", "иван": "ivan", "ПЕТРОВ": "ivan", "петров  иван": "ivan", "ivan петров": "ivan",
		"Özil": "mesut", "O\u0308zil": "mesut", "özil": "mesut", "o\u0308ZIL mes": "mesut", "WEISS": "greta", "weiß": "greta", "kim": "kim", "ｍinsu": "kim",
		"ève": "eve", "E\u0300VE": "eve", "Çan": "", "иван özil": "",
	} {
		found := func(path, pattern string) string {
			t.Helper()
			names := map[string]bool{}
			for _, name := range regexp.MustCompile(pattern).FindAllStringSubmatch(ada.Get(path+url.QueryEscape(text)).Answers(200).Body, -1) {
				names[name[1]] = true
			}
			return strings.Join(slices.Sorted(maps.Keys(names)), " ")
		}
		for path, pattern := range map[string]string{
			"/admin/users?text=":    `<th scope="row"><a href="/admin/users/\w+"><bdi>(\w+)</bdi></a>`,
			"/admin/activity?name=": `Signed in · <a href="/admin/users/\w+"><bdi>(\w+)</bdi></a>`,
		} {
			if got := found(path, pattern); got != want {
				t.Errorf("%s%q finds %q, not %q", path, text, got, want)
			}
		}
		if got := strings.Count(ada.Get("/admin/sessions?text="+url.QueryEscape(text)).Body, `<input type="checkbox" name="id"`); want != "" && (got < 1 || got > 2) || want == "" && got != 0 {
			t.Errorf("%q finds %d sessions", text, got)
		}
	}
	ada.Get("/admin/sessions?text=" + url.QueryEscape("firefox Иван 127.0.0")).Says("Иван Петров")
}

func TestSensitiveChangesAskForThePasswordAgain(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	eve := site.AddUser("eve", models.Member)
	ada := site.SignIn("ada")
	at := "/admin/users/" + eve.ID
	site.Advance(14 * time.Minute)
	ada.Post(at + "/disable").LeadsTo(at)
	ada.Post(at + "/enable").LeadsTo(at)
	site.Advance(2 * time.Minute)
	ada.Confirm(ada.Post(at+"/make-admin"), "").Answers(422)
	ada.Confirm(ada.Post(at+"/make-admin"), "not the password").Answers(422).Says("not your current password")
	if site.User("eve").IsAdmin() {
		t.Fatal("it was done without the password")
	}
	asks := ada.Post(at + "/make-admin")
	ada.Confirm(asks, sitetest.Password).LeadsTo(at)
	if !site.User("eve").IsAdmin() {
		t.Fatal("it was not done with the password")
	}
	page := asks.Response.Header.Get("Location")
	ada.Get(page).LeadsTo(at) // going back does nothing again, and asks for nothing
	ada.Post(at + "/make-member").LeadsTo(at)
	site.Advance(16 * time.Minute)
	ada.Post(at + "/make-admin").LeadsToConfirm()
	ada.Get(at).Answers(200)

	// The form keeps its fields, and so does one that was sent before it.
	first := ada.Post("/admin/users/new", "username", "first", "full_name", "<First>", "role", "member", "do", "Create link")
	second := ada.Post("/admin/users/new", "username", "second", "full_name", "", "role", "member")
	ada.Get(first.Response.Header.Get("Location")).Answers(200).Says("Confirm it&#39;s you")
	ada.Post("/confirm", "form", "guessed", "next", "//evil.example", "current", sitetest.Password).LeadsTo("/dashboard")
	ada.Confirm(second, sitetest.Password).Answers(303)
	site.Advance(16 * time.Minute)
	ada.Confirm(ada.Post("/admin/users/new", "username", "first", "full_name", "<First>", "role", "member"), sitetest.Password).Answers(303)
	if user := site.User("first"); user.FullName != "<First>" {
		t.Errorf("the form arrived as %+v", user)
	}
	site.User("second")

	// It waits as long as a password counts, and only in its own session.
	site.Advance(16 * time.Minute)
	late, other := ada.Post(at+"/make-admin").LeadsToConfirm(), site.SignIn("ada")
	other.Get(late.Response.Header.Get("Location")).LeadsTo(at)
	site.Advance(16 * time.Minute)
	ada.Get(late.Response.Header.Get("Location")).LeadsTo(at)
	site.Advance(24 * time.Hour)
	ada.Post("/confirm", "form", "x", "current", sitetest.Password).LeadsToSignIn()
}
