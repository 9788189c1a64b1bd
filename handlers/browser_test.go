package handlers_test

import (
	"bufio"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"daypass/handlers"
	"daypass/handlers/sitetest"
	"daypass/models"
)

func TestInARealBrowser(t *testing.T) {
	t.Parallel()
	for _, script := range []bool{true, false} {
		t.Run(fmt.Sprintf("script=%t", script), func(t *testing.T) {
			site := sitetest.StartEmpty(t)
			w := sitetest.Chromium(t, 1280, 800, false)
			sitetest.Call(w, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !script})

			// The first account, with the keyboard alone.
			w.Open(site.URL + "/setup?token=the+link+of+the+terminal")
			w.Shows(site.URL+"/setup?token=the+link+of+the+terminal", "username")
			w.Press("ada\tAda Lovelace\t" + sitetest.Password)
			w.Enter()
			w.Shows(site.URL+"/dashboard", "")
			if title := sitetest.Evaluate[string](w, "document.title"); title != "Dashboard · Daypass" {
				t.Errorf("the title is %q", title)
			}
			began := sitetest.Evaluate[string](w, "document.querySelector('.facts time').textContent")
			if relative := strings.HasSuffix(began, "just now"); relative != script {
				t.Errorf("the session began %q", began)
			}
			w.SignOut()
			w.Shows(site.URL+"/login?left=1", "username")

			// A mistake, and then the right password, on the way to where one wanted to go.
			w.Open(site.URL + "/dashboard?from=bookmark")
			w.Shows(site.URL+"/login?next=%2Fdashboard%3Ffrom%3Dbookmark", "username")
			w.Press("ada\ta wrong password")
			w.Enter()
			w.Shows(site.URL+"/login", "password")
			w.Press(sitetest.Password)
			w.Enter()
			w.Shows(site.URL+"/dashboard?from=bookmark", "")

			// Going back does not show what was signed out of.
			w.SignOut()
			w.Back()
			w.Shows(site.URL+"/login?next=%2Fdashboard%3Ffrom%3Dbookmark", "username")
		})
	}
}

// TestFlowsInARealBrowser does what people and administrators do, with and
// without the script.
func TestFlowsInARealBrowser(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes a real browser through the whole site")
	}
	for _, script := range []bool{true, false} {
		t.Run(fmt.Sprintf("script=%t", script), func(t *testing.T) {
			site := sitetest.Start(t)
			elsewhere := site.SignIn("ada")
			w := sitetest.Chromium(t, 390, 800, true)
			sitetest.Call(w, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !script})
			says := func(text string) {
				t.Helper()
				if shown := sitetest.Evaluate[string](w, "document.body.innerText"); !strings.Contains(shown, text) {
					t.Errorf("the page does not say %q:\n%s", text, shown)
				}
			}
			w.SignIn(site.URL)

			// End a session elsewhere, after being asked.
			w.Open(site.URL + "/sessions")
			w.Click("article li:nth-child(2) summary", false)
			w.Click("article li:nth-child(2) .sure button", true)
			says("The session was ended.")
			elsewhere.Get("/dashboard").LeadsToSignIn()

			// Change the name and the password.
			w.Open(site.URL + "/account")
			w.Into("#full_name", "Ada Lovelace")
			w.Enter()
			says("Your name was changed.")
			w.Into("#current", "not the password")
			w.Into("#password", "another walk in the grass")
			w.Enter()
			says("This is not your current password.")
			w.Press(sitetest.Password)
			w.Into("#password", "another walk in the grass")
			w.Enter()
			says("Your password was changed")

			// Look for what happened.
			w.Open(site.URL + "/activity?kind=password+change")
			says("Password changed")

			// Invite somebody, who sets a password and comes in.
			w.Open(site.URL + "/admin/users/new")
			w.Press("eve")
			w.Enter()
			link := sitetest.Evaluate[string](w, "document.getElementById('link').value")
			w.Open(site.URL + "/dashboard")
			w.Back()
			if again := sitetest.Evaluate[string](w, "document.getElementById('link').value"); again != link {
				t.Error("going back made another link")
			}
			w.Open(site.URL + "/dashboard")
			w.SignOut()
			w.Open(link)
			w.Press(sitetest.Password)
			w.Enter()
			w.Shows(site.URL+"/dashboard", "")
			says("Hello, eve")

			// And removes the account again, after being asked.
			w.Open(site.URL + "/account")
			w.Click("article:last-child summary", false)
			w.Into("#removal", sitetest.Password)
			w.Enter()
			w.Shows(site.URL+"/login?left=1", "username")
			if site.Count(`SELECT COUNT(*) FROM users`) != 1 {
				t.Error("the account was not removed")
			}
		})
	}
}

// TestOverPlainHTTPInARealBrowser is the trap of Referrer-Policy: no-referrer,
// which only shows on a host that is not this machine by name.
func TestOverPlainHTTPInARealBrowser(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, func(c *handlers.Config) { c.URL.Host = "intranet.test:" + c.URL.Port() })
	w := sitetest.Chromium(t, 1280, 800, false)
	w.SignIn(site.App.URL.String())
	w.Shows(site.App.URL.String()+"/dashboard", "")
	// Clear-Site-Data is not heard here: the script sees to the way back.
	w.SignOut()
	w.Back()
	w.Shows(site.App.URL.String()+"/login?next=%2Fdashboard", "username")
}

// TestAnOpenPageLeavesWhenItsSessionEnds, and says why, and comes back to where it was.
func TestAnOpenPageLeavesWhenItsSessionEnds(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	w := sitetest.Chromium(t, 1280, 800, false)
	w.SignIn(site.URL)
	w.Open(site.URL + "/sessions")
	w.Shows(site.URL+"/sessions", "")
	_, err := site.DB.EndSessionsOf(t.Context(), site.User("ada"), models.CommandLine)
	sitetest.Must(t, err)
	ended := time.Now()
	left := site.URL + "/login?ended=1&next=%2Fsessions"
	for w.Ctx.Err() == nil {
		if where, err := chromedp.Run(w.Ctx, chromedp.Location()); err == nil && where == left {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Logf("it left after %s", time.Since(ended).Round(10*time.Millisecond))
	w.Shows(left, "username")
	if said := sitetest.Evaluate[string](w, "document.querySelector('.message').textContent"); !strings.Contains(said, "Your session has ended") {
		t.Errorf("it says %q", said)
	}
}

// TestTwentyTabsOfOneBrowser opens more pages than a browser opens connections
// to a host: six, over HTTP/1.1.
func TestTwentyTabsOfOneBrowser(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it opens many tabs and windows of a real browser")
	}
	for kind, count := range map[string]int{"tabs": 20, "windows": 8} { // a browser opens six connections to one address
		t.Run(kind, func(t *testing.T) {
			windows := kind == "windows"
			// Between browser and program, to see who watches.
			var watching, most atomic.Int32
			address := sitetest.FreeAddress(t)
			relay := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: address})
			relay.FlushInterval, relay.ErrorLog = -1, stdlog.New(io.Discard, "", 0)
			front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/session/watch" {
					if now := watching.Add(1); now > most.Load() {
						most.Store(now)
					}
					defer watching.Add(-1)
				}
				defer func() { recover() }() // the browser hung up
				relay.ServeHTTP(w, r)
			}))
			t.Cleanup(front.Close)
			t.Cleanup(front.CloseClientConnections)
			folder := t.TempDir()
			p := sitetest.Launch(t, folder, "--listen", address, "--url", front.URL)
			w := sitetest.Chromium(t, 1280, 800, false)
			w.Open(regexp.MustCompile(`http\S+/setup\?token=\w+`).FindString(p.Out.String()))
			w.Press("ada\t\t" + sitetest.Password)
			w.Enter()
			w.Shows(front.URL+"/dashboard", "")
			w.Open("about:blank")
			w.WaitFor("true")

			var tabs []*sitetest.Window
			for range count {
				tab := w.Tab(windows)
				tab.Open(front.URL + "/sessions")
				tab.WaitFor("document.title == 'Your sessions · Daypass'")
				tabs = append(tabs, tab)
			}
			visible := 0
			for _, tab := range tabs {
				if sitetest.Evaluate[string](tab, "document.visibilityState") == "visible" {
					visible++
				}
			}
			if windows && visible != count || !windows && visible != 1 {
				t.Fatalf("%d pages are visible", visible)
			}
			oneWatches := func() {
				t.Helper()
				sitetest.Until(t, "one page watches", func() bool { return watching.Load() == 1 })
			}
			oneWatches()
			for _, tab := range tabs {
				sitetest.Call(tab, page.BringToFront, cdp.Empty{})
				tab.Open(front.URL + "/account")
				tab.WaitFor("document.title == 'Account · Daypass' && !document.hidden")
				oneWatches()
			}
			t.Logf("%d watched at most at once", most.Load())

			// The session ends: who is seen leaves, who is not leaves when it is seen.
			status, _, errs := sitetest.Typed(t, "", "session", "end", "--all", "--database", filepath.Join(folder, "data/daypass.db"))
			if status != 0 {
				t.Fatal(errs)
			}
			ended := time.Now()
			last := tabs[len(tabs)-1]
			left := fmt.Sprintf("location.href == %q && document.readyState == 'complete'", front.URL+"/login?ended=1&next=%2Faccount")
			last.WaitFor(left)
			t.Logf("the last page left after %s", time.Since(ended).Round(10*time.Millisecond))
			sitetest.Until(t, "nobody watches", func() bool { return watching.Load() == 0 })
			for _, tab := range tabs {
				if !windows && tab != last {
					if where := sitetest.Evaluate[string](tab, "location.pathname"); where != "/account" {
						t.Errorf("a page that is not seen left for %s", where)
					}
				}
				sitetest.Call(tab, page.BringToFront, cdp.Empty{})
				tab.WaitFor(left)
			}
			p.Stop()
		})
	}
}

// TestAPageFromWhichDataWasDownloadedStillLeaves: a download leaves the page as it is.
func TestAPageFromWhichDataWasDownloadedStillLeaves(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	w := sitetest.Chromium(t, 1280, 800, false)
	w.SignIn(site.URL)
	w.Open(site.URL + "/account")
	w.Click(`form[action="/account/data.json"] button`, false)
	for began := time.Now(); site.Count(`SELECT COUNT(*) FROM events WHERE kind = 'data downloaded'`) == 0; time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatal("nothing is downloaded")
		}
	}
	w.Shows(site.URL+"/account", "")
	_, err := site.DB.EndSessionsOf(t.Context(), site.User("ada"), models.CommandLine)
	sitetest.Must(t, err)
	w.WaitFor(`location.pathname == "/login"`)
}

// TestAPageThatSentAFormWaitsForItsAnswer: the sign-out must not be cut short by
// the news that the session has ended.
func TestAPageThatSentAFormWaitsForItsAnswer(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	w := sitetest.Chromium(t, 1280, 800, false)
	w.SignIn(site.URL)
	w.Shows(site.URL+"/dashboard", "")
	sitetest.Evaluate[any](w, "addEventListener('submit', event => event.preventDefault())") // an answer that takes its time
	w.Click("details.account summary", false)
	w.Click(`form[action="/logout"] button`, false)
	// The page tells the others of this browser, and leaves itself, or not.
	sitetest.Evaluate[any](w, `window.told = window.leaves = false;
		new BroadcastChannel(document.body.dataset.events).addEventListener("message", () => { told = true });
		addEventListener("beforeunload", () => { leaves = true })`)
	_, err := site.DB.EndSessionsOf(t.Context(), site.User("ada"), models.CommandLine)
	sitetest.Must(t, err)
	w.WaitFor("told")
	if sitetest.Evaluate[bool](w, "new Promise(done => setTimeout(() => done(leaves), 200))") {
		t.Error("the page leaves")
	}
	w.Shows(site.URL+"/dashboard", sitetest.Evaluate[string](w, "document.activeElement.id"))
}

// TestAPageMoreThanASessionMayWatchGoesOn: a session has so many event streams and
// a user so many; one that is closed makes room at once.
func TestAPageMoreThanASessionMayWatchGoesOn(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	watch := func(cookie string) (status int, closing func() error) {
		connection, err := net.Dial("tcp", strings.TrimPrefix(site.URL, "http://"))
		sitetest.Must(t, err)
		t.Cleanup(func() { connection.Close() })
		fmt.Fprintf(connection, "GET /session/watch HTTP/1.1\r\nHost: x\r\nCookie: daypass=%s\r\n\r\n", cookie)
		response, err := http.ReadResponse(bufio.NewReader(connection), nil)
		sitetest.Must(t, err)
		return response.StatusCode, connection.Close
	}
	opened := func(cookie string, most int) (leave func() error) {
		t.Helper()
		for range most {
			status, closing := watch(cookie)
			if status != 200 {
				t.Fatalf("a stream is answered %d", status)
			}
			leave = closing
		}
		if status, _ := watch(cookie); status != 429 {
			t.Errorf("after %d streams a further one is answered %d", most, status)
		}
		return leave
	}
	_, cookie := site.Session(site.User("ada"))
	leave := opened(cookie, models.MaxWatchers)
	site.WithCookie(cookie).Get("/dashboard").Answers(200)
	if got := site.WithCookie(cookie).Do("HEAD", "/session/watch", nil).Response.StatusCode; got != 200 {
		t.Errorf("HEAD is answered %d", got)
	}
	sitetest.Must(t, leave())
	for began := time.Now(); ; { // well within the heartbeat
		if status, _ := watch(cookie); status == 200 {
			break
		} else if time.Since(began) > 15*time.Second {
			t.Fatal("a stream that was closed is still counted")
		}
	}
	open := models.MaxWatchers
	for open+models.MaxWatchers < models.MaxWatchersPerUser {
		_, cookie := site.Session(site.User("ada"))
		opened(cookie, models.MaxWatchers)
		open += models.MaxWatchers
	}
	_, last := site.Session(site.User("ada"))
	opened(last, models.MaxWatchersPerUser-open)
	_, eve := site.Session(site.AddUser("eve", models.Member))
	opened(eve, models.MaxWatchers)
}

// TestManyIdlePages holds pages open that watch the sessions of many users, and ends those from outside.
func TestManyIdlePages(t *testing.T) {
	t.Parallel()
	pages := 2000
	if testing.Short() {
		pages = 100
	}
	if most := sitetest.OpenFiles(2*pages + 200); most < 2*pages+200 { // each needs two
		pages = max(1, most/2-100)
		t.Logf("only %d files may be open here: %d pages", most, pages)
	}
	site := sitetest.Start(t)
	var users []*models.User
	var cookies []string // of each page
	for i := range pages {
		if i%models.MaxWatchersPerUser == 0 {
			users = append(users, site.AddUser(fmt.Sprint("user", i), models.Member))
		}
		if i%models.MaxWatchersPerUser%models.MaxWatchers == 0 {
			_, cookie := site.Session(users[len(users)-1])
			cookies = append(cookies, cookie)
		} else {
			cookies = append(cookies, cookies[i-1])
		}
	}
	_, other := site.Session(site.User("ada"))
	var told, opened atomic.Int32
	var open sync.WaitGroup
	page := func(cookie string, told *atomic.Int32) {
		connection, err := net.Dial("tcp", strings.TrimPrefix(site.URL, "http://"))
		if err != nil {
			t.Error(err)
			opened.Add(1)
			return
		}
		defer connection.Close()
		connection.SetDeadline(time.Now().Add(time.Minute))
		fmt.Fprintf(connection, "GET /session/watch HTTP/1.1\r\nHost: x\r\nCookie: daypass=%s\r\n\r\n", cookie)
		seen := ""
		for buffer := make([]byte, 2048); ; {
			n, err := connection.Read(buffer)
			if seen == "" {
				opened.Add(1)
			}
			seen += string(buffer[:n])
			if strings.Contains(seen, "event: ended") {
				told.Add(1)
				return
			}
			if err != nil {
				return
			}
		}
	}
	for _, cookie := range cookies {
		open.Go(func() { page(cookie, &told) })
	}
	var otherTold atomic.Int32
	open.Go(func() { page(other, &otherTold) })
	for opened.Load() < int32(pages+1) {
		time.Sleep(10 * time.Millisecond)
	}
	site.WithCookie(cookies[0]).Get("/dashboard").Answers(200)
	ended := time.Now()
	for _, user := range users {
		_, err := site.DB.EndSessionsOf(t.Context(), user, models.CommandLine)
		sitetest.Must(t, err)
	}
	for told.Load() < int32(pages) && time.Since(ended) < 30*time.Second {
		time.Sleep(10 * time.Millisecond)
	}
	if told.Load() != int32(pages) || otherTold.Load() != 0 {
		t.Errorf("%d of %d pages were told, and %d of another session", told.Load(), pages, otherTold.Load())
	}
	t.Logf("%d pages were told within %s", told.Load(), time.Since(ended).Round(10*time.Millisecond))
	site.Stop() // does not wait for the page that still watches
	open.Wait()
}

func TestHowItLooks(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it looks at every page in a real browser")
	}
	site, empty := sitetest.StartEmpty(t), sitetest.StartEmpty(t)
	site.Advance(-40 * time.Hour)
	site.AddUser("ada", models.Admin)
	site.Change(`UPDATE users SET full_name = 'Ada Lovelace'`)
	long := strings.Repeat("long-username-", 4) + "64-chars"
	_, err := site.DB.AddUser(t.Context(), models.NewUser{
		Name: long, FullName: strings.Repeat("Wolfeschlegelsteinhausenbergerdorff ", 5), Password: sitetest.Password, Role: models.Member,
	}, models.CommandLine)
	sitetest.Must(t, err)
	site.Life("ada", long)
	for _, ago := range []string{"13 * 86400", "82800"} { // the first slots of both charts, where their labels are
		site.Change(`INSERT INTO events (id, user_id, kind, at, address, browser) SELECT '0-` + ago + `' || n.i, id, 'sign-in', unixepoch() - ` + ago + `, '203.0.113.9', 'Firefox on Linux'
			FROM users, (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40) SELECT i FROM n) n WHERE name = 'ada'`)
	}
	token := "?token=" + url.QueryEscape("the link of the terminal")
	for _, dark := range []bool{false, true} {
		for _, width := range []int64{1280, 768, 390} {
			if !sitetest.KeepsPictures() && (width != 390 || !dark) {
				continue // TestEveryStateOfEveryPageIsAccessible has the others
			}
			t.Run(fmt.Sprintf("dark=%t,width=%d", dark, width), func(t *testing.T) {
				w := sitetest.Chromium(t, width, 800, dark)
				w.Open(empty.URL + "/")
				w.Look("setup without the link")
				w.Open(empty.URL + "/setup" + token)
				w.Look("setup")
				w.Press("a b\t\tshort")
				w.SendsAnything()
				w.Enter()
				w.Look("setup refused")
				w.Open(site.URL + "/setup")
				w.Look("not found")
				w.Open(site.URL + "/login?left=1")
				w.Look("login")
				w.Press("ada\twrong")
				w.Enter()
				w.Look("login refused")
				w.Press(sitetest.Password)
				w.Enter()
				w.Look("dashboard")
				w.Open(site.URL + "/nothing")
				w.Look("not found when signed in")
				w.Open(site.URL + "/sessions")
				w.Look("sessions")
				for path, name := range map[string]string{
					"/activity": "activity", "/activity?kind=sign-out&before=0": "activity without a match",
					"/admin/sessions": "all sessions", "/admin/sessions?text=nobody": "all sessions without a match",
					"/admin/activity": "all activity", "/admin/users": "users", "/admin/users?text=nobody": "users without a match",
					"/admin/users/new": "add a user", "/admin": "system", "/admin/users/" + site.User(long).ID: "user", "/account": "account",
				} {
					w.Open(site.URL + path)
					w.Look(name)
				}
				w.Open(site.URL + "/admin/users/new")
				w.Press(fmt.Sprintf("guest-%d-%t", width, dark))
				w.Enter()
				w.Look("link")
				link := sitetest.Evaluate[string](w, "document.getElementById('link').value")
				w.Open(site.URL + "/account")
				w.Into("#current", "wrong")
				w.Into("#password", "short")
				w.SendsAnything()
				w.Enter()
				w.Look("account refused")
				w.SignOut()
				w.Press(long + "\t" + sitetest.Password)
				w.Enter()
				w.Look("dashboard of a long name")
				w.Open(site.URL + "/admin/sessions")
				w.Look("forbidden")
				w.Open(site.URL + "/sessions")
				w.Look("sessions of a long name")
				w.SignOut()
				w.Open(link)
				w.Look("set password")
				w.Press("short")
				w.SendsAnything()
				w.Enter()
				w.Look("set password refused")
				w.Press(sitetest.Password)
				w.Enter()
				w.Shows(site.URL+"/dashboard", "")
				w.SignOut()
				w.Open(link)
				w.Look("link used")
				elsewhere := sitetest.Start(t, func(c *handlers.Config) { c.URL = &url.URL{Scheme: "https", Host: "dash.example.org"} })
				w.Open(elsewhere.URL + "/login")
				w.Look("login misconfigured")
				w.Press("nobody\twrong")
				for range 5 {
					w.Enter()
					w.Press("wrong")
				}
				w.Enter()
				w.Look("throttled")
			})
		}
	}
}
