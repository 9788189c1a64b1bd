package handlers_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"daypass/handlers/sitetest"
	"daypass/models"
)

// TestTheMenuIsSeenAtEveryWidth, also when an application adds pages of its own.
func TestTheMenuIsSeenAtEveryWidth(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.Change(`UPDATE users SET full_name = 'Augusta Ada King, Countess of Lovelace'`)
	w := sitetest.Chromium(t, 1280, 800, false)
	w.SignIn(site.URL)
	for _, more := range []int{0, 3} {
		for _, width := range []int64{320, 360, 390, 640, 700, 768, 1024, 1280, 1920} {
			sitetest.Must(t, chromedp.Do(w.Ctx, chromedp.EmulateViewport(width, 800)))
			w.Open(site.URL + "/admin/users")
			sitetest.Evaluate[any](w, fmt.Sprintf(`for (let i = 0; i < %d; i++) {
				const added = document.querySelector(".pages li").cloneNode(true);
				added.querySelector("a").lastChild.data = "A page of ours";
				document.querySelector(".pages ul").append(added);
			}`, more))
			hidden := sitetest.Evaluate[string](w, `[...document.querySelectorAll("header.bar .pages a, header.bar summary, nav.tabs a")].filter(link => {
				const box = link.getBoundingClientRect();
				const hit = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
				return box.left < 0 || box.right > innerWidth || box.height < 24 || !hit || !(link.contains(hit));
			}).map(link => link.textContent.trim()).join(", ")`)
			if hidden != "" {
				t.Errorf("with %d more items, %d px wide, these are not to be seen: %s", more, width, hidden)
			}
			if found := sitetest.Evaluate[int](w, `document.querySelectorAll(".pages li").length`); found != 4+more {
				t.Fatalf("there are %d items", found)
			}
		}
	}
}

// TestTheMenuOfTheAccount is used with the keyboard alone, and without the script.
func TestTheMenuOfTheAccount(t *testing.T) {
	t.Parallel()
	for _, script := range []bool{true, false} {
		t.Run(fmt.Sprintf("script=%t", script), func(t *testing.T) {
			t.Parallel()
			site := sitetest.Start(t)
			site.Change(`UPDATE users SET full_name = 'Ada Lovelace'`)
			w := sitetest.Chromium(t, 390, 800, false)
			sitetest.Call(w, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !script})
			w.SignIn(site.URL)
			w.Open(site.URL + "/account")
			tabTo := func(what, is string) {
				t.Helper()
				for range 20 {
					if w.Press(kb.Tab); sitetest.Evaluate[bool](w, "(document.activeElement."+is+")") {
						return
					}
				}
				t.Fatalf("Tab does not lead to %s", what)
			}
			background := func() string {
				t.Helper()
				return sitetest.Evaluate[string](w, "getComputedStyle(document.documentElement).backgroundColor")
			}
			light := background()

			if script {
				w.Into("#full_name", "Not saved yet")
				sitetest.Evaluate[any](w, "document.querySelector('.skip').focus()")
			}
			tabTo("the menu", `matches("details.account summary")`)
			w.Press(kb.Enter)
			w.WaitFor(`document.querySelector("details.account").open`)
			if said := sitetest.Evaluate[string](w, `document.querySelector("details.account").innerText`); !strings.Contains(said, "Ada Lovelace") || !strings.Contains(said, "ada, administrator") {
				t.Errorf("the menu says %q", said)
			}
			tabTo("the account", `matches("a[href='/account'][aria-current=page]")`)
			if script {
				w.Press(kb.Escape)
				w.WaitFor(`!document.querySelector("details.account").open && document.activeElement.matches("details.account summary")`)
				w.Press(kb.Enter)
			}
			tabTo("the theme", `value == "dark"`)
			w.Press(kb.Enter)
			w.WaitFor(`document.readyState == "complete" && document.documentElement.dataset.theme == "dark"`)
			if now := background(); now == light || now != "rgb(17, 23, 26)" {
				t.Errorf("the background is %s, and was %s", now, light)
			}
			if typed := sitetest.Evaluate[string](w, "document.getElementById('full_name').value"); script && typed != "Not saved yet" {
				t.Errorf("what was typed is now %q", typed)
			}
			w.Shows(site.URL+"/account", sitetest.Evaluate[string](w, "document.activeElement.id"))

			w.Open(site.URL + "/dashboard") // another page has it from the first byte
			if now := background(); now != "rgb(17, 23, 26)" {
				t.Errorf("on the next page the background is %s", now)
			}
			if pressed := sitetest.Evaluate[string](w, `[...document.querySelectorAll("[aria-pressed=true]")].map(b => b.value).join()`); pressed != "dark" {
				t.Errorf("%q is pressed", pressed)
			}
			w.Click("details.account summary", false)
			w.WaitFor(`document.querySelector("details.account").open`)
			if script {
				w.Click("h1", false)
				w.WaitFor(`!document.querySelector("details.account").open`)
			}
			w.SignOut()
			w.Shows(site.URL+"/login?left=1", "username")
			if now := background(); now != light {
				t.Errorf("signed out, the background is %s", now)
			}
		})
	}
}

// TestTheThemeStaysWithTheUser, in all sessions and from the next request on.
func TestTheThemeStaysWithTheUser(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.AddUser("eve", models.Member)
	phone, laptop, eve := site.SignIn("ada"), site.SignIn("ada"), site.SignIn("eve")
	themed := func(b *sitetest.Browser, path, theme string) {
		t.Helper()
		html, _, _ := strings.Cut(b.Get(path).Body, "<head>")
		want := ""
		if theme != "" {
			want = ` data-theme="` + theme + `"`
		}
		if !strings.Contains(html, `<html lang="en"`+want+">") {
			t.Errorf("%s begins with %q", path, html)
		}
	}
	for range 2 { // the second one is cached
		themed(laptop, "/dashboard", "")
	}
	phone.Post("/account/theme", "theme", "dark", "next", "/sessions?x=1").LeadsTo("/sessions?x=1")
	for range 2 {
		themed(phone, "/dashboard", "dark")
		themed(laptop, "/dashboard", "dark")
		themed(laptop, "/nothing", "dark")
		themed(eve, "/dashboard", "")
		themed(site.Visitor(), "/login", "")
	}
	laptop.Get("/account/data.json")
	laptop.Post("/account/data.json").Says(`"theme":"dark"`)
	phone.Post("/account/theme", "theme", "purple").Answers(400)
	phone.Post("/account/theme", "theme", "light", "next", "https://evil.example/").LeadsTo("/dashboard")
	themed(laptop, "/activity", "light")
	themed(site.SignIn("ada"), "/dashboard", "light")
	phone.Post("/account/theme", "theme", "system", "next", "/dashboard").LeadsTo("/dashboard")
	themed(laptop, "/dashboard", "")
	site.Visitor().Post("/account/theme", "theme", "dark").LeadsTo("/login?lost=1&next=%2Faccount")
}

// TestBreadcrumbs lead from a page to those above it.
func TestBreadcrumbs(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	ada, eve := site.SignIn("ada"), site.AddUser("eve", models.Member)
	crumbs := func(answer *sitetest.Answer) string {
		t.Helper()
		_, rest, found := strings.Cut(answer.Body, `aria-label="Breadcrumb">`)
		trail, _, _ := strings.Cut(rest, "</nav>")
		if !found {
			return ""
		}
		return strings.Join(strings.Fields(strings.NewReplacer("<ol>", "", "</ol>", "", "<li>", "", "</li>", " >", "<bdi>", "", "</bdi>", "", `<li aria-current="page">`, "").Replace(trail)), " ")
	}
	user := "/admin/users/" + eve.ID
	ada.Post(user + "/link").LeadsTo(user + "/link")
	for path, want := range map[string]string{
		"/dashboard": "", "/account": "", "/admin": "", "/admin/users": "", "/admin/users?text=e": "", "/nothing": "",
		"/admin/users/new": `<a href="/admin/users">Users</a> > Add a user >`,
		user:               `<a href="/admin/users">Users</a> > eve >`,
		user + "/link":     `<a href="/admin/users">Users</a> > <a href="` + user + `">eve</a> > Link >`,
	} {
		if got := crumbs(ada.Get(path)); got != want {
			t.Errorf("%s has the breadcrumbs %q, not %q", path, got, want)
		}
	}
	if got := crumbs(ada.Post("/account/password", "current", "x", "password", "y").Answers(422)); got != "" {
		t.Errorf("a refused form has the breadcrumbs %q", got)
	}
}

// TestCardsListAFewAndLeadToAll, so that the dashboard of somebody with many sessions
// is no longer than that of others.
func TestCardsListAFewAndLeadToAll(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	for range 11 {
		site.SignIn("ada")
	}
	ada := site.SignIn("ada")
	for path, leads := range map[string][]string{
		"/dashboard":                          {`<a href="/sessions">All 12 sessions</a>`, `<a href="/activity">All activity</a>`},
		"/admin/users/" + site.User("ada").ID: {`<a href="/admin/sessions?user=` + site.User("ada").ID + `">All 12 sessions</a>`, `<a href="/admin/activity?user=` + site.User("ada").ID + `">All activity</a>`},
	} {
		page := ada.Get(path)
		for _, lead := range leads {
			page.Says(lead)
		}
		cards := strings.Split(page.Body, "<article")
		for _, card := range cards[1:] {
			if rows := strings.Count(card, "<li"); rows > 8 || rows > 3 && strings.Contains(card, "All 12 sessions") {
				t.Errorf("%s has a card of %d rows", path, rows)
			}
		}
	}
	site.AddUser("eve", models.Member)
	site.SignIn("eve").Get("/dashboard").SaysNot("All 1 sessions").Says("anywhere else")
}

// TestListsSayThatTheyAreLists: VoiceOver takes one without bullets for none, outside of
// navigation.
func TestListsSayThatTheyAreLists(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	ada := site.SignIn("ada")
	for _, path := range []string{"/dashboard", "/sessions", "/activity", "/admin/users/" + site.User("ada").ID} {
		ada.Get(path).Says(`<ul class="rows" role="list">`).SaysNot(`<ul class="rows">`)
	}
}
