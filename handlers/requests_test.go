package handlers_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"daypass/handlers"
	"daypass/handlers/sitetest"
	"daypass/handlers/web"
	"daypass/models"
	"daypass/models/database/databasetest"
)

// public is every page that needs no session. A line is added here on purpose.
var public = []string{
	"POST /password/check", "GET /robots.txt", "GET /favicon.ico", "GET /.well-known/change-password", "GET /.well-known/*", "HEAD /robots.txt", "HEAD /favicon.ico", "HEAD /.well-known/change-password", "HEAD /.well-known/*",
	"GET /public/:name", "HEAD /public/:name", "GET /healthz", "HEAD /healthz",
	"GET /setup", "HEAD /setup", "POST /setup", "GET /login", "HEAD /login", "POST /login",
	"GET /login/forget.svg", "HEAD /login/forget.svg", "GET /login/passkey", "HEAD /login/passkey", "POST /login/passkey", "GET /link", "HEAD /link", "POST /link",
	"GET /session/watch", "HEAD /session/watch",
}

// TestS13NoOtherSiteChangesAnything: each form of the site, as whoever is there.
func TestS13NoOtherSiteChangesAnything(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.AddUser("eve", models.Member)
	site.StopClock()
	token, err := site.DB.NewPasswordToken(t.Context(), site.User("eve"), models.CommandLine)
	sitetest.Must(t, err)
	people := map[string]*sitetest.Browser{"a stranger": site.Visitor(), "a member": site.SignIn("eve"), "an administrator": site.SignIn("ada")}
	fields := []string{"username", "ada", "password", sitetest.Password, "current", sitetest.Password, "full_name", "Evil", "role", "admin", "token", token, "confirm", sitetest.Password}
	forms := 0
	site.WroteNothing(func() {
		for _, route := range site.App.GetRoutes(true) {
			if route.Method != "POST" {
				continue
			}
			forms++
			for who, b := range people {
				for _, header := range []http.Header{
					{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}},
					{"Sec-Fetch-Site": {"same-site"}},
					{"Origin": {"https://evil.example"}},
					{"Origin": {"null"}},
				} {
					b.Header = header
					answer := b.Post(site.PathOf(route.Path, "eve"), fields...).SetsNoCookie()
					if answer.Response.StatusCode != 403 || !strings.Contains(answer.Body, "another site") {
						t.Errorf("%s of %s with %v answers %d", answer.To, who, header, answer.Response.StatusCode)
					}
				}
			}
		}
	})
	if forms < 10 {
		t.Errorf("only %d forms were found", forms)
	}
}

// TestS13ReadingChangesNothing: every page, twice by GET and by HEAD, as whoever is
// there. The message that waits for the next page is not taken by a HEAD.
func TestS13ReadingChangesNothing(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.AddUser("eve", models.Member)
	site.StopClock()
	people := map[string]*sitetest.Browser{"a stranger": site.Visitor(), "a member": site.SignIn("eve"), "an administrator": site.SignIn("ada")}
	token, err := site.DB.NewPasswordToken(t.Context(), site.User("eve"), models.CommandLine)
	sitetest.Must(t, err)
	queries := []string{"", "?token=" + token + "&text=x&kind=sign-in&next=/dashboard&left=1"}
	tables := func() map[string]string {
		all := sitetest.Tables(t, site.File)
		delete(all, "lineage") // which counts what the server deletes by itself, too
		return all
	}
	every := func(method string) (pages int) {
		t.Helper()
		for _, route := range site.App.GetRoutes(true) {
			if route.Method != method {
				continue
			}
			pages++
			path := site.PathOf(route.Path, "eve")
			for who, b := range people {
				before := tables()
				for _, query := range queries {
					for range 2 {
						b.Do(method, path+query, nil).SetsNoCookie()
					}
				}
				if changed := sitetest.Changed(before, tables()); changed != "" {
					t.Errorf("%s %s of %s: %s", method, path, who, changed)
				}
			}
		}
		return pages
	}
	people["a member"].Post("/account/name", "full_name", "Eve").LeadsTo("/account")
	if pages := every("HEAD"); pages < 20 {
		t.Errorf("only %d pages were found", pages)
	}
	people["a member"].Get("/dashboard").Says("Your name was changed.")
	every("GET")
}

// TestS13AHeadChangesNothing asks every page by HEAD, in a session for which there
// is a lot to write: a message waits, it was not seen for a while, and another
// secret signs its cookie.
func TestS13AHeadChangesNothing(t *testing.T) {
	t.Parallel()
	twoSecrets := func(config *handlers.Config) { config.Secrets = []string{sitetest.SecretB, sitetest.SecretA} }
	site := sitetest.Start(t, twoSecrets)
	user := site.User("ada")
	_, value := site.Session(user)
	ada := site.WithCookie(value)
	session, err := site.DB.Session(t.Context(), site.SessionID())
	sitetest.Must(t, err)
	sitetest.Must(t, site.DB.SetValue(t.Context(), session, models.FlashValue, "A message waits."))
	site.Advance(10 * time.Minute)
	var tables []string
	db := databasetest.Open(t, site.File)
	defer db.Close()
	content := func() string {
		t.Helper()
		tables = nil
		var all strings.Builder
		tables = sitetest.TableNames(t, db)
		for _, table := range tables {
			rows, err := db.Query(`SELECT * FROM "` + table + `"`)
			sitetest.Must(t, err)
			columns, err := rows.Columns()
			sitetest.Must(t, err)
			for rows.Next() {
				values := make([]any, len(columns))
				for i := range values {
					values[i] = new(any)
				}
				sitetest.Must(t, rows.Scan(values...))
				fmt.Fprint(&all, table)
				for i, name := range columns {
					fmt.Fprintf(&all, " %s=%v", name, *values[i].(*any))
				}
				fmt.Fprintln(&all)
			}
			sitetest.Must(t, rows.Err())
		}
		return all.String()
	}
	before := content()
	asked := 0
	for _, route := range site.App.GetRoutes(true) {
		if route.Method != "GET" {
			continue
		}
		path := strings.NewReplacer("/users/:id", "/users/"+user.ID, ":name", "app.css", ":id", session.ID).Replace(route.Path)
		if status := ada.Do("HEAD", path, nil).Response.StatusCode; status >= 500 {
			t.Errorf("HEAD %s is answered %d", path, status)
		}
		asked++
	}
	if asked < 15 || len(tables) < 8 {
		t.Fatalf("only %d pages were asked for, and %d tables compared", asked, len(tables))
	}
	ada.Do("HEAD", "/nothing", nil).Answers(404)
	site.Stop() // writes what was still to be written
	if after := content(); after != before {
		t.Errorf("HEAD changed the database from\n%s\nto\n%s", before, after)
	}
	again := sitetest.StartOn(t, site.File, twoSecrets)
	again.WithCookie(value).Get("/dashboard").Answers(200).Says("A message waits.")
	if content() == before {
		t.Error("the test would not notice a change")
	}
}

func TestEveryOtherPageIsForTheSignedIn(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	guarded := 0
	for _, route := range site.App.GetRoutes(true) {
		name := route.Method + " " + route.Path
		if slices.Contains(public, name) {
			continue
		}
		guarded++
		site.Visitor().Do(route.Method, strings.ReplaceAll(route.Path, ":id", "x"), nil).LeadsToSignIn()
	}
	if guarded < 3 {
		t.Errorf("only %d guarded routes were found", guarded)
	}
}

func TestABadRequestIsAnsweredAndWritesNothing(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	ada := site.SignIn("ada")
	before := site.Rows()
	long := strings.Repeat("x", 3000)
	for _, text := range []string{"\x00", "\xff\xfe", "a\x00b", "\r\nX: y", long, "\u202eevil", "a b", "'; DROP TABLE users; --\x00", "\u00ad", "🙂\x00"} {
		if answer := site.Visitor().Login(text, sitetest.Password); answer.Response.StatusCode != 422 {
			t.Errorf("username %q answered %d", text, answer.Response.StatusCode)
		}
		site.Visitor().Get("/login?next=" + url.QueryEscape(text)).Answers(200)
		site.Visitor().Get("/" + url.PathEscape(text)).LeadsToSignIn()
		if answer := ada.Get("/" + url.PathEscape(text)); answer.Response.StatusCode != 404 {
			t.Errorf("path %q answered %d", text, answer.Response.StatusCode)
		}
		site.WithCookie(url.PathEscape(text)).Get("/dashboard").LeadsToSignIn()
		forged := site.Visitor()
		forged.Header = http.Header{"User-Agent": {url.PathEscape(text)}, "X-Forwarded-For": {long}, "Accept": {long}, "Referer": {long}}
		forged.Get("/login").Answers(200)
	}
	for _, wrong := range []string{"", "\x00", "\xff", strings.Repeat("é", 600)} {
		site.Visitor().Login("ada", wrong).Answers(422).SetsNoCookie()
	}
	site.Visitor().Login("ada", strings.Repeat("p", 1025)).Answers(422).Says("at most 1024 bytes")
	site.Visitor().Post("/login").Answers(422).Says("Enter your username.").Says("Enter your password.")
	site.Visitor().Raw(sitetest.TooLarge).Answers(413).Says("128 KiB")
	if after := site.Rows(); after != before {
		t.Errorf("before: %s; after: %s", before, after)
	}
}

// TestRawRequests sends what no well-behaved client sends.
func TestRawRequests(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	for what, raw := range map[string]string{
		"no HTTP at all":            "hello\r\n\r\n",
		"a version of its own":      "GET /login HTTP/9\r\nHost: x\r\n\r\n",
		"a broken header":           "GET /login HTTP/1.1\r\nHost: x\r\nbroken\r\n\r\n",
		"two lengths":               "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
		"a length and chunks":       "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"a length of nonsense":      "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
		"a method of its own":       "BREW /login HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		"a NUL in the path":         "GET /\x00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		"a version from the future": "GET /login HTTP/1.9\r\nHost: x\r\nConnection: close\r\n\r\n",
		"a version from the past":   "GET /login HTTP/0.9\r\nHost: x\r\nConnection: close\r\n\r\n",
		"a bare LF":                 "GET /login HTTP/1.1\r\nHost: x\nConnection: close\r\n\r\n",
		"a space in a name":         "GET /login HTTP/1.1\r\nHost: x\r\na b: c\r\nConnection: close\r\n\r\n",
		"a space behind a name":     "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length : 0\r\nConnection: close\r\n\r\n",
		"a header of two lines":     "GET /login HTTP/1.1\r\nHost: x\r\na: b\r\n c\r\nConnection: close\r\n\r\n",
		"bytes that are no UTF-8":   "GET /\xff\xfe?next=\xff HTTP/1.1\r\nHost: x\r\nCookie: daypass=\xff\r\nConnection: close\r\n\r\n",
	} {
		connection, err := net.Dial("tcp", strings.TrimPrefix(site.URL, "http://"))
		sitetest.Must(t, err)
		connection.SetDeadline(time.Now().Add(10 * time.Second))
		_, err = connection.Write([]byte(raw))
		sitetest.Must(t, err)
		reply, _ := io.ReadAll(connection)
		connection.Close()
		if !regexp.MustCompile(`^HTTP/1\.1 (4\d\d|303) `).Match(reply) {
			t.Errorf("%s: %.60q", what, reply)
		}
	}
	site.SignIn("ada").Get("/dashboard").Answers(200)
}

func TestWhatIsNoFormChangesNothing(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	ada := site.SignIn("ada")
	ada.Post("/account/name", "full_name", "Ada Lovelace").LeadsTo("/account")
	send := func(path, mediaType, encoding, body string) *sitetest.Answer {
		request, err := http.NewRequest("POST", site.URL+path, strings.NewReader(body))
		sitetest.Must(t, err)
		request.Header = ada.Header.Clone()
		if mediaType != "" {
			request.Header.Set("Content-Type", mediaType)
		}
		if encoding != "" {
			request.Header.Set("Content-Encoding", encoding)
		}
		response, err := ada.Client.Do(request)
		sitetest.Must(t, err)
		defer response.Body.Close()
		content, err := io.ReadAll(response.Body)
		sitetest.Must(t, err)
		return &sitetest.Answer{T: t, To: "POST " + path + " as " + mediaType, Response: response, Body: string(content)}
	}
	for _, mediaType := range []string{"application/json", "multipart/form-data; boundary=x", "text/plain", "", "application/x-www-form-urlencoded-not", ";"} {
		send("/account/name", mediaType, "", `{"full_name": "Eve"}`).Answers(415).Says("Only forms are accepted").Says(`<a href="/">Go to the start page</a>`)
		send("/login", mediaType, "", `{"username": "ada"}`).Answers(415)
	}
	send("/account/name", "application/x-www-form-urlencoded", "gzip", "full_name=Eve").Answers(415)
	send("/account/name", "", "", "").Answers(400)
	if name := site.User("ada").FullName; name != "Ada Lovelace" {
		t.Errorf("the name is %q", name)
	}
	for _, mediaType := range []string{"Application/X-WWW-Form-URLencoded", "application/x-www-form-urlencoded;charset=UTF-8", " application/x-www-form-urlencoded ; charset=utf-8"} {
		send("/account/name", mediaType, "", "full_name=Ada+"+strconv.Itoa(len(mediaType))).LeadsTo("/account")
		if name := site.User("ada").FullName; name != "Ada "+strconv.Itoa(len(mediaType)) {
			t.Errorf("as %s the name is %q", mediaType, name)
		}
	}
	send("/logout", "", "", "").LeadsTo("/login?left=1") // a button without fields
}

func TestHeadIsGetWithoutBody(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	ada := site.SignIn("ada")
	for _, path := range []string{"/dashboard", "/login", "/nothing", "/healthz"} {
		get, head := ada.Get(path), ada.Do("HEAD", path, nil)
		if head.Response.StatusCode != get.Response.StatusCode || head.Body != "" || head.Response.Header.Get("Content-Type") != get.Response.Header.Get("Content-Type") {
			t.Errorf("HEAD %s answers %d %q %q, GET %d", path, head.Response.StatusCode, head.Response.Header.Get("Content-Type"), head.Body, get.Response.StatusCode)
		}
	}
	for path, allow := range map[string]string{"/login": "GET, HEAD, POST", "/logout": "POST", "/dashboard": "GET, HEAD"} {
		for _, method := range []string{"DELETE", "BREW"} {
			if got := ada.Do(method, path, nil).Answers(405).Response.Header.Get("Allow"); got != allow {
				t.Errorf("%s %s allows %q, not %q", method, path, got, allow)
			}
		}
	}
}

// TestTheAddressOfAFormLeadsToItsPage: people load it again, or find it in their
// history.
func TestTheAddressOfAFormLeadsToItsPage(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	ada := site.SignIn("ada")
	for path, page := range map[string]string{
		"/logout": "/", "/account/name": "/account", "/account/password": "/account", "/sessions/end": "/sessions", "/sessions/x/end": "/sessions",
		"/admin/users/x/disable": "/admin/users/x", "/admin/sessions/end": "/admin/sessions", "/admin/sessions/x/end": "/admin/sessions",
	} {
		ada.Get(path).LeadsTo(page)
		ada.Do("HEAD", path, nil).LeadsTo(page)
		next := "/login?next=" + url.QueryEscape(page)
		if page == "/" {
			next = "/login"
		}
		site.Visitor().Get(path).LeadsTo(next)
		site.Visitor().Post(path).LeadsTo(next)
	}
	ada.Get("/account/nothing").Answers(404)
	ada.Post("/dashboard").Answers(405)
}

func TestARequestWithoutHostIsRefused(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	connection, err := net.Dial("tcp", strings.TrimPrefix(site.URL, "http://"))
	sitetest.Must(t, err)
	defer connection.Close()
	fmt.Fprint(connection, "GET /login HTTP/1.1\r\nConnection: close\r\n\r\n")
	reply, _ := io.ReadAll(connection)
	if !bytes.HasPrefix(reply, []byte("HTTP/1.1 400 ")) {
		t.Errorf("%.100q", reply)
	}
}

func TestASlowRequestIsCutOff(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes as long as the server is patient")
	}
	site := sitetest.Start(t)
	connection, err := net.Dial("tcp", strings.TrimPrefix(site.URL, "http://"))
	sitetest.Must(t, err)
	defer connection.Close()
	began := time.Now()
	cut := make(chan string, 1)
	go func() {
		reply, _ := io.ReadAll(connection)
		cut <- string(reply)
	}()
	for _, letter := range []byte("GET /login HTTP/1.1\r\nHost: localhost\r\nX-Slow: " + strings.Repeat("x", 20)) {
		connection.Write([]byte{letter})
		select {
		case reply := <-cut:
			if !strings.HasPrefix(reply, "HTTP/1.1 408 ") || !strings.Contains(reply, "did not arrive in time") {
				t.Errorf("it is cut off with %.300q", reply)
			}
			if patient := time.Since(began); patient < 9*time.Second {
				t.Errorf("it is cut off after %s", patient)
			}
			return
		case <-time.After(time.Second):
		}
	}
	t.Error("a request may be sent one byte a second for ever")
}

// TestAWaitingPageIsNotCutOff: a page that waits for the end of its session sends
// nothing more, for longer than a request may take to arrive.
func TestAWaitingPageIsNotCutOff(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes longer than the server is patient")
	}
	site := sitetest.Start(t)
	ada := site.SignIn("ada")
	connection, err := net.Dial("tcp", strings.TrimPrefix(site.URL, "http://"))
	sitetest.Must(t, err)
	defer connection.Close()
	_, err = fmt.Fprintf(connection, "GET /session/watch HTTP/1.1\r\nHost: localhost\r\nCookie: daypass=%s\r\n\r\n", ada.Cookie())
	sitetest.Must(t, err)
	reply := bufio.NewReader(connection)
	for line := ""; !strings.Contains(line, "retry: 1000"); {
		line, err = reply.ReadString('\n')
		sitetest.Must(t, err)
	}
	sitetest.Must(t, connection.SetReadDeadline(time.Now().Add(web.ReadTimeout+5*time.Second)))
	for {
		line, err := reply.ReadString('\n')
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		if err != nil || strings.Contains(line, "0\r") {
			t.Fatalf("the stream ends: %q, %v", line, err)
		}
	}
}

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	t.Parallel()
	ada := sitetest.Start(t).SignIn("ada")
	links := regexp.MustCompile(`(?:href|src)="(/[^"#]*)`)
	seen := map[string]bool{}
	for todo := []string{"/dashboard"}; len(todo) > 0; {
		path := todo[0]
		todo = todo[1:]
		if seen[path] {
			continue
		}
		seen[path] = true
		page := ada.Get(path)
		if page.Response.StatusCode == 303 {
			todo = append(todo, page.Response.Header.Get("Location"))
			continue
		}
		page.Answers(200)
		if strings.HasPrefix(page.Response.Header.Get("Content-Type"), "text/html") {
			for _, link := range links.FindAllStringSubmatch(page.Body, -1) {
				todo = append(todo, link[1])
			}
		}
	}
	if len(seen) < 5 {
		t.Errorf("the crawl found only %d addresses", len(seen))
	}
}

func TestAssetsAreKeptForEverAndCompressed(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	page := site.Visitor().Get("/login")
	sheet := regexp.MustCompile(`/public/app\.[0-9a-f]{12}\.css`).FindString(page.Body)
	plain := site.Visitor()
	plain.Header.Set("Accept-Encoding", "identity")
	whole := plain.Get(sheet).Answers(200)
	if kept := whole.Response.Header.Get("Cache-Control"); !strings.Contains(kept, "immutable") {
		t.Errorf("Cache-Control: %s", kept)
	}
	for accepted, encoding := range map[string]string{"gzip": "gzip", "gzip, deflate, br, zstd": "br"} {
		packed := site.Visitor()
		packed.Header.Set("Accept-Encoding", accepted)
		answer := packed.Get(sheet).Answers(200)
		if answer.Response.Header.Get("Content-Encoding") != encoding || 3*len(answer.Body) >= len(whole.Body) || answer.Response.Header.Get("Vary") == "" {
			t.Errorf("%s: %d of %d bytes, %v", accepted, len(answer.Body), len(whole.Body), answer.Response.Header)
		}
	}
	site.Visitor().Get("/public/app.css").Answers(404)
	site.Visitor().Get("/public/..%2fmain.go").Answers(404)
}

func TestAPanicIsAPageAndALine(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	ada := site.SignIn("ada")
	site.Broken.Store(true)
	page := ada.Get("/dashboard").Answers(500).Says("Something broke").SetsNoCookie()
	site.Broken.Store(false)
	reference := regexp.MustCompile(`<code>(\w+)</code>`).FindStringSubmatch(page.Body)
	if log := site.Log.String(); !strings.Contains(log, "a test panics") || reference == nil || !strings.Contains(log, reference[1]) {
		t.Errorf("the log does not tell:\n%s", log)
	}
	if strings.Contains(page.Body, "a test panics") {
		t.Error("the page tells what panicked")
	}
	ada.Get("/dashboard").Answers(200)
}

func TestNamesAreShownAsTyped(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	for i, full := range []string{"x", strings.Repeat("W", 200), "<script>alert(1)</script>", "שרה כהן", "🙂🙃", `"'&`} {
		name := fmt.Sprint("user", i)
		_, err := site.DB.AddUser(t.Context(), models.NewUser{Name: name, FullName: full, Password: sitetest.Password, Role: models.Member}, models.CommandLine)
		sitetest.Must(t, err)
		page := site.SignIn(name).Get("/dashboard").Answers(200)
		if strings.Contains(page.Body, "<script>") {
			t.Errorf("%q is not escaped", full)
		}
	}
}
