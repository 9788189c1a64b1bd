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
	t.Parallel()
	site := sitetest.Start(t)
	site.AddUser("eve", models.Member)
	eve := site.SignIn("eve")
	site.WhileWriting(`UPDATE users SET role = CASE name WHEN 'eve' THEN 'admin' ELSE 'member' END`,
		func() *sitetest.Answer { return eve.Post("/account/remove", "current", sitetest.Password) }, "models.(*DB).removeUser").Answers(422).Says("last administrator")
	eve.Get("/admin").Answers(200)
}

func TestWhoIsNoAdministratorAnyMoreActsOnNobody(t *testing.T) {
	t.Parallel()
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
	names("/admin/sessions", both)
	names(at, both)
	names("/admin/users", "<bdi>root</bdi></a>")
	ada.Get("/admin/users").Says(`<span class="detail"><bdi>eve</bdi>`)
	if page := ada.Get("/admin/activity"); strings.Contains(page.Body, "root") {
		t.Error("all activity names a user by the full name")
	}
	ada.Get(at).Says("<title>eve (root) · Daypass</title>").Says("Deletes the account of " + both)
	ada.Post(at + "/link").LeadsTo(at + "/link")
	names(at+"/link", both)
	ada.Get(at + "/link").Says("<title>A link for eve (root) · Daypass</title>")
	for _, each := range [][2]string{{"make-admin", "is an administrator now"}, {"make-member", "is a member now"}, {"disable", "is disabled"}, {"enable", "can sign in again"}, {"end-sessions", "is signed out"}} {
		ada.Post(at + "/" + each[0]).LeadsTo(at)
		ada.Get(at).Says("<span>eve (root) " + each[1])
	}
	site.SignIn("eve")
	end := regexp.MustCompile(`action="(/admin/sessions/\w+/end)"`).FindStringSubmatch(ada.Get(at).Body)
	ada.Post(end[1]).LeadsTo("/admin/sessions")
	ada.Get("/admin/sessions").Says("The session of eve (root) was ended.")
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
		SELECT printf('id%03d', i), printf('User%03d', i), printf('user%03d', i), CASE WHEN i % 2 THEN 'Odd_100%' ELSE 'Even' END,
			printf('user%03d', i) || CASE WHEN i % 2 THEN ' odd_100%' ELSE ' even' END, 'member', FALSE, i / 7, 'x' FROM n`)
	ada := site.SignIn("ada")
	for _, sort := range []string{"", "newest"} {
		seen, pages := map[string]bool{}, 0
		for path := "/admin/users?sort=" + sort; path != ""; pages++ {
			page := ada.Get(path).Answers(200)
			for _, found := range regexp.MustCompile(`href="/admin/users/(id\d+)"`).FindAllStringSubmatch(page.Body, -1) {
				if seen[found[1]] {
					t.Fatalf("%s is shown twice", found[1])
				}
				seen[found[1]] = true
			}
			path = ""
			if more := regexp.MustCompile(`href="(/admin/users\?[^"]+)" rel="next"`).FindStringSubmatch(page.Body); more != nil {
				path = html.UnescapeString(more[1])
			}
		}
		if len(seen) != 120 || pages != 3 {
			t.Errorf("sorted %q: %d users on %d pages", sort, len(seen), pages)
		}
	}
	for text, want := range map[string]int{"user00": 9, "USER005": 1, "odd_100%": 50, "100%": 50, "_": 50, "%": 50, "nobody": 0, `\`: 0} {
		page := ada.Get("/admin/users?text=" + url.QueryEscape(text)).Answers(200)
		if found := len(regexp.MustCompile(`href="/admin/users/id\d+"`).FindAllString(page.Body, -1)); found != want {
			t.Errorf("%q finds %d, not %d", text, found, want)
		}
	}
	ada.Get("/admin/users?role=admin").Says("ada")
	ada.Get("/admin/users?after=nobody").Answers(404)
	ada.Get("/admin/sessions?text=FIREFOX").Answers(200).Says("Firefox on Linux")
	ada.Get("/admin/sessions?text=127.0.0").Says("Firefox on Linux")
	ada.Get("/admin/sessions?text=nobody").Says("No sessions match")
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
			"/admin/users?text=":    `<span class="detail"><bdi>(\w+)</bdi></span>`,
			"/admin/activity?name=": `Signed in · <bdi>(\w+)</bdi>`,
		} {
			if got := found(path, pattern); got != want {
				t.Errorf("%s%q finds %q, not %q", path, text, got, want)
			}
		}
		if got := strings.Count(ada.Get("/admin/sessions?text="+url.QueryEscape(text)).Body, `<details class="sure">`); want != "" && (got < 1 || got > 2) || want == "" && got != 0 {
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
	ada.Post(at+"/make-admin", "extra", `<"carried">`).Answers(403).Says("Confirm it's you").Says(`name="extra" value="&lt;&#34;carried&#34;&gt;"`)
	ada.Post(at+"/make-admin", "confirm", "").Answers(422)
	ada.Post(at+"/make-admin", "confirm", "not the password").Answers(422).Says("not your current password")
	if site.User("eve").IsAdmin() {
		t.Fatal("it was done without the password")
	}
	ada.Post(at+"/make-admin", "confirm", sitetest.Password).LeadsTo(at)
	ada.Post(at + "/make-member").LeadsTo(at)
	site.Advance(16 * time.Minute)
	ada.Post(at + "/make-admin").Answers(403)
	ada.Get(at).Answers(200)
}
