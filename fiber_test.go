package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/base32"
	"encoding/base64"
	"encoding/csv"
	"encoding/gob"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"html"
	"io"
	stdlog "log"
	"log/slog"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	goruntime "runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"daypass/handlers"
	"daypass/handlers/command"
	"daypass/handlers/scaffold"
	"daypass/handlers/session"
	"daypass/handlers/sitetest"
	"daypass/models"
)

// This file tells the product from outside: what a browser, a stranger and an
// operator may rely on, over real HTTP. S1 to S15 are the promises of the
// README's section "How safe it is".

const (
	password = "a walk in the wet grass"
	secretA  = "3Yx1dQ8mVt0sGpB7nKcJ5wLhRzE2aUfI"
	secretB  = "q9ZkT4bXw6NvC1yHjM8sPgD3eRoA7uLi"
)

// TestMain lets the test binary be the program, for tests that need a process
// of their own.
func TestMain(m *testing.M) {
	if os.Getenv("BE_THE_PROGRAM") != "" {
		os.Unsetenv("BE_THE_PROGRAM")
		main()
	}
	if file := os.Getenv("BE_ANOTHER_WRITER"); file != "" {
		writeWhatIsTold(file)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// writeWhatIsTold runs each line of standard input as a statement on a database,
// and answers each with a line when it is committed.
func writeWhatIsTold(file string) {
	db, err := sql.Open("sqlite3", file+"?_busy_timeout=5000&_foreign_keys=on")
	if err != nil {
		panic(err)
	}
	defer db.Close()
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if _, err := db.Exec(lines.Text()); err != nil {
			panic(err)
		}
		fmt.Println("done")
	}
}

// anotherWriter starts a process that writes to the database what it is told,
// and returns when that is committed.
func (s *testSite) anotherWriter() (write func(statement string)) {
	s.t.Helper()
	process := exec.Command(os.Args[0])
	process.Env = append(os.Environ(), "BE_ANOTHER_WRITER="+s.file)
	in, err := process.StdinPipe()
	must(s.t, err)
	out, err := process.StdoutPipe()
	must(s.t, err)
	process.Stderr = os.Stderr
	must(s.t, process.Start())
	s.t.Cleanup(func() { in.Close(); process.Wait() })
	answers := bufio.NewReader(out)
	return func(statement string) {
		s.t.Helper()
		fmt.Fprintln(in, strings.ReplaceAll(statement, "\n", " "))
		if answer, err := answers.ReadString('\n'); err != nil || answer != "done\n" {
			s.t.Fatalf("%s: %q, %v", statement, answer, err)
		}
	}
}

// testSite is the whole product on a port and a database of its own.
type testSite struct {
	t      *testing.T
	url    string
	file   string
	db     *models.DB
	app    *handlers.App
	log    *lockedBuffer
	offset atomic.Int64 // nanoseconds that the clock is ahead
	still  atomic.Int64 // Unix nanoseconds at which the clock stands, or zero
	broken atomic.Bool  // makes a handler panic
	stop   func()

	mutex   sync.Mutex
	secrets []string // all that a browser sent or got and the log must not tell
}

// keepsSecret says that the log must not tell this.
func (s *testSite) keepsSecret(secret string) {
	if len(secret) >= 12 { // shorter ones stand in any text
		s.mutex.Lock()
		defer s.mutex.Unlock()
		s.secrets = append(s.secrets, secret)
	}
}

// toldNoSecret looks for all of them.
func (s *testSite) toldNoSecret() {
	log := s.log.String()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, secret := range s.secrets {
		if strings.Contains(log, secret) {
			s.t.Errorf("the log tells %q", secret)
		}
	}
}

// lockedBuffer is a log that may be read while it is written.
type lockedBuffer struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (b *lockedBuffer) Write(line []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.Write(line)
}

func (b *lockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.String()
}

// start runs a site with the administrator ada; set may change its configuration.
func start(t *testing.T, set ...func(*handlers.Config)) *testSite {
	t.Helper()
	site := startEmpty(t, set...)
	site.add("ada", models.Admin)
	return site
}

// startEmpty runs a site without a user.
func startEmpty(t *testing.T, set ...func(*handlers.Config)) *testSite {
	t.Helper()
	return startOn(t, filepath.Join(t.TempDir(), "daypass.db"), set...)
}

// startOn runs a site on a database file.
func startOn(t *testing.T, file string, set ...func(*handlers.Config)) *testSite {
	t.Helper()
	site := &testSite{t: t, file: file, log: &lockedBuffer{}}
	var err error
	site.db, err = models.Open(t.Context(), file)
	must(t, err)
	site.db.Now = func() time.Time {
		if site.broken.Load() {
			panic("a test panics")
		}
		now := time.Now()
		if at := site.still.Load(); at != 0 {
			now = time.Unix(0, at)
		}
		return now.Add(time.Duration(site.offset.Load()))
	}
	site.db.Log = slog.New(slog.NewTextHandler(site.log, nil))
	must(t, site.db.CheckRestored(t.Context()))

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	site.url = "http://" + listener.Addr().String()
	config := handlers.Config{
		URL: &url.URL{Scheme: "http", Host: listener.Addr().String()}, Secrets: []string{secretA},
		Lifetime: 24 * time.Hour, SetupToken: "the link of the terminal", Log: site.db.Log, Version: command.Version,
	}
	for _, change := range set {
		change(&config)
	}
	site.app, err = handlers.New(site.db, config)
	must(t, err)

	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- site.app.Serve(ctx, listener) }()
	site.db.Start()
	site.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
		site.db.Close()
		site.toldNoSecret()
	})
	t.Cleanup(site.stop)
	return site
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// add adds a user whose password is password.
func (s *testSite) add(name string, role models.Role) *models.User {
	s.t.Helper()
	user, err := s.db.AddUser(s.t.Context(), models.NewUser{Name: name, Password: password, Role: role}, models.CommandLine)
	must(s.t, err)
	return user
}

// later puts the clock forward.
func (s *testSite) later(by time.Duration) { s.offset.Add(int64(by)) }

// stopClock lets no time pass but what later says.
func (s *testSite) stopClock() { s.still.Store(time.Now().Truncate(time.Second).UnixNano()) }

// count asks the database, over a connection of its own.
func (s *testSite) count(query string) (rows int) {
	s.t.Helper()
	db, err := sql.Open("sqlite3", s.file)
	must(s.t, err)
	defer db.Close()
	must(s.t, db.QueryRow(query).Scan(&rows))
	return rows
}

// change changes the database behind the product's back.
func (s *testSite) change(statement string) {
	s.t.Helper()
	db, err := sql.Open("sqlite3", s.file+"?_busy_timeout=5000")
	must(s.t, err)
	defer db.Close()
	_, err = db.Exec(statement)
	must(s.t, err)
}

// rows are the rows of all tables, as text.
func (s *testSite) rows() string {
	s.t.Helper()
	var text strings.Builder
	tables := sitetest.Tables(s.t, s.file)
	for _, table := range slices.Sorted(maps.Keys(tables)) {
		fmt.Fprintf(&text, "%s:\n%s\n", table, tables[table])
	}
	return text.String()
}

// wroteNothing runs something and compares the rows of all tables before and after.
func (s *testSite) wroteNothing(does func()) {
	s.t.Helper()
	before := sitetest.Tables(s.t, s.file)
	does()
	if changed := sitetest.Changed(before, sitetest.Tables(s.t, s.file)); changed != "" {
		s.t.Error(changed)
	}
}

// asset is the name of a file that every page asks for.
func (s *testSite) asset() string {
	s.t.Helper()
	return regexp.MustCompile(`/public/(app\.[0-9a-f]{12}\.css)`).FindStringSubmatch(s.visitor().get("/login").body)[1]
}

// pathOf fills in what a route leaves open: by the user's ID or that of the user's latest session.
func (s *testSite) pathOf(route, user string) string {
	s.t.Helper()
	whose := s.user(user)
	id := whose.ID
	if strings.Contains(route, "sessions/:id") {
		sessions, _, err := s.db.SessionsOf(s.t.Context(), whose, 1)
		must(s.t, err)
		id = sessions[0].ID
	}
	if strings.Contains(route, ":name") {
		route = strings.ReplaceAll(route, ":name", s.asset())
	}
	return strings.NewReplacer(":id", id, ":act", "disable").Replace(route)
}

// browser is somebody who visits a site and keeps its cookies.
type browser struct {
	t      *testing.T
	site   *testSite
	client *http.Client
	header http.Header
}

func (s *testSite) visitor() *browser {
	jar, err := cookiejar.New(nil)
	must(s.t, err)
	transport := &http.Transport{}
	s.t.Cleanup(transport.CloseIdleConnections)
	return &browser{s.t, s, &http.Client{
		Jar: jar, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, http.Header{"User-Agent": {"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"}}}
}

// signIn visits the site and signs in through its form.
func (s *testSite) signIn(name string) *browser {
	s.t.Helper()
	b := s.visitor()
	b.login(name, password).leadsTo("/dashboard")
	return b
}

// withCookie is somebody whose browser holds this and nothing else.
func (s *testSite) withCookie(value string) *browser {
	b := s.visitor()
	b.client.Jar = nil
	b.header.Set("Cookie", "daypass="+value)
	return b
}

// do sends a request; fields, when there are any, as a form.
func (b *browser) do(method, path string, fields url.Values) *answer {
	b.t.Helper()
	var body io.Reader
	if fields != nil {
		body = strings.NewReader(fields.Encode())
	}
	request, err := http.NewRequest(method, b.site.url+path, body)
	must(b.t, err)
	request.Header = b.header.Clone()
	if fields != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := b.client.Do(request)
	must(b.t, err)
	defer response.Body.Close()
	var content []byte
	if response.Header.Get("Content-Type") != "text/event-stream" { // which ends when the session does
		content, err = io.ReadAll(response.Body)
		must(b.t, err)
	}
	if method == http.MethodPost && response.StatusCode == http.StatusOK && response.Header.Get("Content-Disposition") == "" { // a file leaves the page as it was
		b.t.Errorf("POST %s answers with a page: loading it again would do again what was done", path)
	}
	for _, name := range []string{"password", "current", "token"} {
		b.site.keepsSecret(fields.Get(name))
	}
	for _, cookie := range response.Cookies() {
		for _, part := range strings.FieldsFunc(cookie.Value, func(r rune) bool { return r == ':' || r == '.' || r == '~' }) {
			b.site.keepsSecret(part)
		}
	}
	return &answer{b.t, method + " " + path, response, string(content)}
}

// raw sends the beginning of a request, as it is, and reads what the server says
// to that. A client that writes on while it is refused may lose the answer.
func (b *browser) raw(head string) *answer {
	b.t.Helper()
	connection, err := net.Dial("tcp", strings.TrimPrefix(b.site.url, "http://"))
	must(b.t, err)
	defer connection.Close()
	connection.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprintf(connection, "%s\r\nHost: localhost\r\nCookie: %s\r\n\r\n", head, b.header.Get("Cookie"))
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	must(b.t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	must(b.t, err)
	return &answer{b.t, head[:min(len(head), 40)], response, string(content)}
}

// tooLarge is the beginning of a form that is larger than the server takes.
const tooLarge = "POST /login HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 70000"

func (b *browser) get(path string) *answer { b.t.Helper(); return b.do("GET", path, nil) }

func (b *browser) post(path string, pairs ...string) *answer {
	b.t.Helper()
	fields := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		fields.Set(pairs[i], pairs[i+1])
	}
	return b.do("POST", path, fields)
}

func (b *browser) login(name, password string) *answer {
	b.t.Helper()
	return b.post("/login", "username", name, "password", password)
}

// cookie is the value of the session cookie that the browser holds.
func (b *browser) cookie() string {
	b.t.Helper()
	address, err := url.Parse(b.site.url)
	must(b.t, err)
	for _, cookie := range b.client.Jar.Cookies(address) {
		if cookie.Name == "daypass" {
			return cookie.Value
		}
	}
	b.t.Fatal("the browser holds no session cookie")
	return ""
}

// answer is what came back.
type answer struct {
	t    *testing.T
	to   string
	http *http.Response
	body string
}

func (a *answer) answers(status int) *answer {
	a.t.Helper()
	if a.http.StatusCode != status {
		a.t.Fatalf("%s answered %d, not %d\n%s", a.to, a.http.StatusCode, status, a.body)
	}
	return a
}

func (a *answer) leadsTo(path string) *answer {
	a.t.Helper()
	a.answers(http.StatusSeeOther)
	if to := a.http.Header.Get("Location"); to != path {
		a.t.Fatalf("%s leads to %q, not %q", a.to, to, path)
	}
	return a
}

// isTurnedAway says that the answer is the way to the sign-in.
func (a *answer) isTurnedAway() *answer {
	a.t.Helper()
	a.answers(http.StatusSeeOther)
	if to := a.http.Header.Get("Location"); !strings.HasPrefix(to, "/login") {
		a.t.Fatalf("%s leads to %q, not to the sign-in", a.to, to)
	}
	return a
}

func (a *answer) says(text string) *answer {
	a.t.Helper()
	if !strings.Contains(a.body, text) {
		a.t.Fatalf("%s does not say %q:\n%s", a.to, text, a.body)
	}
	return a
}

func (a *answer) hasNoCookie() *answer {
	a.t.Helper()
	if set := a.http.Header.Values("Set-Cookie"); len(set) > 0 {
		a.t.Fatalf("%s sets %q", a.to, set)
	}
	return a
}

// TestTheSequenceOfEvents is a sign-in from the first visit to the last, as a
// browser lives it.
func TestTheSequenceOfEvents(t *testing.T) {
	site := start(t)
	ada := site.visitor()

	// Nobody is known: no session, no cookie.
	ada.get("/dashboard").leadsTo("/login?next=%2Fdashboard").hasNoCookie()
	ada.get("/login?next=%2Fdashboard").answers(200).says("Sign in").hasNoCookie()

	// Invalid credentials: no access, no session, no cookie.
	ada.login("ada", "a walk in the dry grass").answers(422).hasNoCookie()
	if sessions := site.count(`SELECT COUNT(*) FROM sessions`); sessions != 0 {
		t.Fatalf("a refused sign-in left %d sessions", sessions)
	}

	// Valid credentials: a session with a random ID, in a signed cookie.
	ada.login("ada", password).leadsTo("/dashboard")
	if cookie := ada.cookie(); !regexp.MustCompile(`^s:[A-Za-z0-9_-]{43}\.[A-Za-z0-9+/]{43}$`).MatchString(cookie) {
		t.Fatalf("the cookie is %q", cookie)
	}

	// The browser sends it along, and it opens what is protected.
	ada.get("/dashboard").answers(200).says("Hello").says("Firefox on Linux").says("Failed sign-in").hasNoCookie()
	ada.get("/login").leadsTo("/dashboard")
	ada.get("/").leadsTo("/dashboard")

	// Signing out ends it.
	copied := ada.cookie()
	ada.post("/logout").leadsTo("/login?left=1")
	ada.get("/login?left=1").says("You&#39;re signed out")
	ada.get("/dashboard").isTurnedAway()
	site.withCookie(copied).get("/dashboard").leadsTo("/login?ended=1&next=%2Fdashboard")
}

// forStrangers are the answers of the pages that need no session to who comes
// with nothing. All others lead to the sign-in.
var forStrangers = map[string]int{
	"GET /public/:name": 200, "GET /healthz": 200, "GET /setup": 404, "POST /setup": 404, "GET /login": 200, "POST /login": 422,
	"GET /login/forget.svg": 200, "GET /link": 404, "POST /link": 404, "GET /session/watch": 200,
}

func TestS1AnonymousRequestsWriteNothing(t *testing.T) {
	site := start(t)
	site.signIn("ada")
	site.stopClock()
	stranger := site.visitor()
	site.wroteNothing(func() {
		for range 3 {
			for _, route := range site.app.GetRoutes(true) {
				answer := stranger.do(route.Method, site.pathOf(route.Path, "ada"), nil).hasNoCookie()
				name := strings.Replace(route.Method, "HEAD", "GET", 1) + " " + route.Path
				if status, ok := forStrangers[name]; ok {
					answer.answers(status)
				} else {
					answer.isTurnedAway()
				}
			}
			for _, path := range []string{"/nothing", "/%00", "/a/b/c"} {
				stranger.get(path).isTurnedAway().hasNoCookie()
			}
			stranger.get("/login?next=/dashboard").answers(200).hasNoCookie()
			stranger.get("/link?token=x").answers(404).hasNoCookie()
			stranger.get("/public/app.css").answers(404).hasNoCookie()
			for _, method := range []string{"OPTIONS", "PUT", "DELETE", "TRACE"} {
				stranger.do(method, "/login", nil).answers(405).hasNoCookie()
			}
		}
	})
}

func TestS2ASignInGivesOneCookieAndANewID(t *testing.T) {
	site := start(t)
	seen := map[string]bool{}
	for range 3 {
		answer := site.visitor().login("ada", password).leadsTo("/dashboard")
		cookies := slices.DeleteFunc(answer.http.Header.Values("Set-Cookie"), func(cookie string) bool {
			return strings.HasPrefix(cookie, "daypass-known=") // which is no session's
		})
		if len(cookies) != 1 {
			t.Fatalf("the sign-in sets %d session cookies: %q", len(cookies), cookies)
		}
		pair, attributes, _ := strings.Cut(cookies[0], "; ")
		if seen[pair] || !strings.HasPrefix(pair, "daypass=s:") {
			t.Errorf("the cookie is %s", pair)
		}
		seen[pair] = true
		got := strings.Split(strings.ToLower(attributes), "; ")
		slices.Sort(got)
		if want := []string{"httponly", "max-age=86400", "path=/", "samesite=lax"}; !slices.Equal(got, want) {
			t.Errorf("the cookie's attributes are %q", got)
		}
	}

	secure := start(t, func(c *handlers.Config) { c.URL = &url.URL{Scheme: "https", Host: "dash.example.org"} })
	cookie := secure.visitor().login("ada", password).leadsTo("/dashboard").http.Header.Get("Set-Cookie")
	if !regexp.MustCompile(`^__Host-daypass=s:[^;]+; max-age=86400; path=/; HttpOnly; secure; SameSite=Lax$`).MatchString(cookie) {
		t.Errorf("under https the cookie is %s", cookie)
	}
}

func TestS3RefusalsLookAlike(t *testing.T) {
	site := start(t)
	for _, name := range []string{"bob", "kim"} {
		site.add(name, models.Member)
	}
	must(t, site.db.SetDisabled(t.Context(), site.user("bob"), true, models.CommandLine))
	_, _, err := site.db.Invite(t.Context(), models.NewUser{Name: "liv", Role: models.Member}, models.CommandLine)
	must(t, err)
	site.change(`UPDATE users SET password = 'damaged' WHERE name = 'kim'`)

	// Names of one length: the form shows the name again. All else is the same to the byte.
	for _, with := range []string{password, "a walk in the dry grass"} {
		names := map[string]string{"disabled": "bob", "damaged": "kim", "invited": "liv", "unknown": "eve"}
		if with != password {
			names["wrong password"] = "ada"
		}
		whole := map[string]string{}
		for what, name := range names {
			const failures = `SELECT COALESCE(SUM(count), 0) FROM events WHERE kind = 'failed sign-in'`
			before := site.count(failures)
			answer := site.visitor().login(name, with).answers(422).hasNoCookie().says("Wrong username or password.")
			if after := site.count(failures); after != before+1 {
				t.Errorf("%s: the failure left no event", what)
			}
			answer.http.Header.Del("Date")
			var header strings.Builder
			must(t, answer.http.Header.Write(&header))
			whole[what] = header.String() + strings.ReplaceAll(answer.body, `value="`+name+`"`, `value="..."`)
		}
		for what, answer := range whole {
			if answer != whole["unknown"] {
				t.Errorf("the refusal of %q is\n%s\nand that of somebody unknown\n%s", what, answer, whole["unknown"])
			}
		}
	}
	if sessions := site.count(`SELECT COUNT(*) FROM sessions`) + site.count(`SELECT COUNT(*) FROM session_payloads`); sessions != 0 {
		t.Errorf("refused sign-ins left %d rows of sessions", sessions)
	}
}

func TestS4NoIDFromBeforeTheSignInCountsAfterIt(t *testing.T) {
	site := start(t)
	ada := site.signIn("ada")
	first := ada.cookie()
	ada.login("ada", password).leadsTo("/dashboard")
	if ada.cookie() == first {
		t.Fatal("signing in again kept the ID")
	}
	site.withCookie(first).get("/dashboard").isTurnedAway()
	ada.get("/dashboard").answers(200)

	// A thief plants a cookie, chosen or copied from an ended session, and waits.
	for _, planted := range []string{"s:chosen.signature", "chosen", first} {
		victim := site.withCookie(planted)
		answer := victim.login("ada", password).leadsTo("/dashboard")
		if strings.Contains(answer.http.Header.Get("Set-Cookie"), planted) {
			t.Errorf("the planted cookie %q was adopted", planted)
		}
		site.withCookie(planted).get("/dashboard").isTurnedAway()
	}
}

func TestS5OnlyWhatWasSignedHereOpensASession(t *testing.T) {
	site := start(t)
	cookie := site.signIn("ada").cookie()
	id, signature, _ := strings.Cut(strings.TrimPrefix(cookie, "s:"), ".")
	other := start(t, func(c *handlers.Config) { c.Secrets = []string{secretB} }).signIn("ada").cookie()
	_, otherSignature, _ := strings.Cut(other, ".")

	for what, forged := range map[string]string{
		"nothing":               "",
		"the bare ID":           id,
		"no signature":          "s:" + id,
		"an empty signature":    "s:" + id + ".",
		"no prefix":             id + "." + signature,
		"truncated":             cookie[:len(cookie)-1],
		"padded":                cookie + "=",
		"of another secret":     other,
		"another one's":         "s:" + id + "." + otherSignature,
		"another ID":            "s:" + strings.Repeat("A", 43) + "." + signature,
		"the URL alphabet":      "s:" + id + "." + strings.NewReplacer("+", "-", "/", "_").Replace(signature) + "-",
		"signed twice":          cookie + "." + signature,
		"broken escapes":        "s%3" + cookie[2:],
		"a NUL":                 "s:" + id + "%00." + signature,
		"upper case":            strings.ToUpper(cookie),
		"the hash, not the ID":  "s:" + site.sessionID() + "." + signature,
		"more than it may hold": "s:" + strings.Repeat("A", 4000) + "." + signature,
	} {
		if answer := site.withCookie(forged).get("/dashboard").isTurnedAway(); len(answer.http.Header.Values("Set-Cookie")) > 0 {
			t.Errorf("%s: a cookie is set", what)
		}
	}
	site.withCookie(cookie).get("/dashboard").answers(200)
	site.withCookie(url.QueryEscape(cookie)).get("/dashboard").answers(200)

	// A bad signature never reaches the database: it is not missed.
	mend := site.damage()
	site.withCookie(cookie).get("/sessions?anew").answers(503).hasNoCookie()
	site.withCookie(other).get("/dashboard").isTurnedAway()
	mend()
}

// sessionID is the name under which the only session is kept.
func (s *testSite) sessionID() (id string) {
	s.t.Helper()
	sessions, err := s.db.Sessions(s.t.Context(), "", 100)
	must(s.t, err)
	if len(sessions) != 1 {
		s.t.Fatalf("there are %d sessions", len(sessions))
	}
	return sessions[0].ID
}

func TestS6ACookieOfAnOldSecretIsSignedAnew(t *testing.T) {
	file := filepath.Join(t.TempDir(), "daypass.db")
	before := startOn(t, file)
	before.add("ada", models.Admin)
	old := before.signIn("ada").cookie()
	before.stop()

	after := startOn(t, file, func(c *handlers.Config) { c.Secrets = []string{secretB, secretA} })
	answer := after.withCookie(old).get("/dashboard").answers(200)
	renewed := answer.http.Cookies()
	if len(renewed) != 1 || renewed[0].Value == old || !renewed[0].HttpOnly || renewed[0].MaxAge > 86400 || renewed[0].MaxAge < 86300 {
		t.Fatalf("the answer sets %v", renewed)
	}
	after.withCookie(renewed[0].Value).get("/dashboard").answers(200).hasNoCookie()
	if signed := after.count(`SELECT COUNT(*) FROM sessions WHERE signer = '` + session.Fingerprint(secretB) + `'`); signed != 1 {
		t.Errorf("%d sessions are known to be signed by the new secret", signed)
	}
	after.stop()

	// When the old secret is gone, the renewed cookie goes on and the old one does not.
	done := startOn(t, file, func(c *handlers.Config) { c.Secrets = []string{secretB} })
	done.withCookie(renewed[0].Value).get("/dashboard").answers(200)
	done.withCookie(old).get("/dashboard").isTurnedAway()
}

func TestS7NeitherTheDatabaseNorTheLogHoldsAnID(t *testing.T) {
	site := start(t)
	ada := site.signIn("ada")
	ada.get("/dashboard").answers(200)
	id, _, _ := strings.Cut(strings.TrimPrefix(ada.cookie(), "s:"), ".")

	files, err := filepath.Glob(site.file + "*")
	must(t, err)
	if len(files) < 2 {
		t.Fatalf("only %q to look into", files)
	}
	found := false
	for _, file := range files {
		content, err := os.ReadFile(file)
		must(t, err)
		found = found || bytes.Contains(content, []byte(site.sessionID()))
		for what, secret := range map[string]string{"the session ID": id, "the password": password} {
			if bytes.Contains(content, []byte(secret)) {
				t.Errorf("%s holds %s", filepath.Base(file), what)
			}
		}
	}
	if !found {
		t.Error("the search does not even find the hash")
	}
	log := site.log.String()
	if !strings.Contains(log, "sign-in") || strings.Contains(log, id) || strings.Contains(log, password) || strings.Contains(log, site.sessionID()) {
		t.Errorf("the log says too little or too much:\n%s", log)
	}
}

func TestS8ASessionLastsOneDayWhateverIsDoneWithIt(t *testing.T) {
	site := start(t)
	site.stopClock()
	ada := site.signIn("ada")
	cookie := ada.cookie()
	for range 23 {
		site.later(time.Hour)
		site.withCookie(cookie).get("/dashboard").answers(200).hasNoCookie()
	}
	site.later(time.Hour - time.Second)
	site.withCookie(cookie).get("/dashboard").answers(200)
	site.later(time.Second)
	site.withCookie(cookie).get("/dashboard").isTurnedAway() // a copy that the browser would have dropped

	must(t, site.db.Sweep(t.Context()))
	if left := site.count(`SELECT COUNT(*) FROM sessions`); left != 0 {
		t.Errorf("%d expired sessions are kept", left)
	}
}

func TestS8AnIdleSessionEnds(t *testing.T) {
	site := start(t)
	site.db.Idle = 30 * time.Minute
	used, left := site.signIn("ada"), site.signIn("ada")
	for range 5 {
		site.later(10 * time.Minute)
		used.get("/dashboard").answers(200)
	}
	used.get("/dashboard").answers(200).says("You aren't signed in anywhere else")
	left.get("/dashboard").isTurnedAway()
}

// TestS8AnIdleEndIsFinal: such a session is neither listed nor counted, and a start
// with a longer limit does not bring it back, whenever it became idle.
func TestS8AnIdleEndIsFinal(t *testing.T) {
	site := start(t)
	must(t, site.db.SetIdle(t.Context(), 30*time.Minute))
	used, left := site.signIn("ada"), site.signIn("ada")
	_, away := site.session(site.user("ada"))
	site.change(`UPDATE sessions SET seen = seen - 3600 WHERE browser = ''`)
	live := func() {
		t.Helper()
		used.get("/admin").answers(200).says("<dt>Sessions</dt><dd>2</dd>")
		if n := strings.Count(used.get("/admin/sessions").body, `<span class="detail">`); n != 2 {
			t.Errorf("administrators see %d sessions", n)
		}
		if n := strings.Count(used.get("/sessions").body, `<span class="detail">`); n != 2 {
			t.Errorf("the user sees %d sessions", n)
		}
		if signers, err := site.db.Signers(t.Context()); err != nil || len(signers) != 1 {
			t.Error(signers, err)
		} else {
			for _, count := range signers {
				if count != 2 {
					t.Errorf("the secret signs %d sessions", count)
				}
			}
		}
		if status, out, errs := typed(t, "", "--database", site.file, "session", "list"); status != 0 || strings.Count(out, "\n") != 3 {
			t.Errorf("the command lists\n%s%s", out, errs)
		}
	}
	live()
	must(t, site.db.Sweep(t.Context()))
	live()
	const both = `SELECT (SELECT COUNT(*) FROM sessions) * 10 + (SELECT COUNT(*) FROM session_payloads)`
	if rows := site.count(both); rows != 22 {
		t.Errorf("there are %d sessions and %d payloads", rows/10, rows%10)
	}
	site.withCookie(away).get("/dashboard").isTurnedAway()

	site.change(`UPDATE sessions SET seen = seen - 3600`)
	site.stop()
	again := startOn(t, site.file)
	must(t, again.db.SetIdle(t.Context(), 24*time.Hour))
	for _, cookie := range []string{left.cookie(), used.cookie(), away} {
		again.withCookie(cookie).get("/dashboard").isTurnedAway()
	}
	if rows := again.count(both); rows != 0 {
		t.Errorf("after a start with a longer limit there are %d sessions and %d payloads", rows/10, rows%10)
	}
}

// TestS8ARestartOfTheProgramAppliesTheLimitBefore it takes the one it is told now.
func TestS8ARestartOfTheProgramAppliesTheLimitBefore(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "data", "daypass.db")
	_, _, errs := typed(t, password+"\n", "--database", file, "user", "add", "ada", "--admin")
	p := launch(t, folder, "--database", file, "--idle", "30m")
	site := &testSite{t: t, url: p.url, file: file}
	cookie := site.signIn("ada").cookie()
	site.withCookie(cookie).get("/dashboard").answers(200)
	p.stop()
	site.change(`UPDATE sessions SET seen = seen - 3600`)
	p = launch(t, folder, "--database", file, "--idle", "24h")
	site.url = p.url
	site.withCookie(cookie).get("/dashboard").isTurnedAway()
	p.stop()
	if errs != "" {
		t.Error(errs)
	}
}

// TestAUserHasSoManySessionsAtMost, also when there were more in the database
// already; and no page grows with them.
func TestAUserHasSoManySessionsAtMost(t *testing.T) {
	site := start(t)
	eve := site.add("eve", models.Member)
	first := site.signIn("eve")
	site.later(2 * time.Minute)
	second := site.signIn("eve")
	for range models.MaxSessions - 2 {
		site.session(eve)
	}
	ada := site.signIn("ada")
	sessions := func() int {
		return site.count(`SELECT COUNT(*) FROM sessions WHERE user_id = (SELECT id FROM users WHERE name = 'eve')`)
	}
	if n := sessions(); n != models.MaxSessions {
		t.Fatalf("there are %d sessions", n)
	}
	first.get("/dashboard").answers(200)
	second.get("/dashboard").says("and 89 more")
	if n := strings.Count(second.get("/sessions").body, `<span class="detail">`); n != models.MaxSessions {
		t.Errorf("%d of the user's own sessions are listed", n)
	}
	ada.get("/admin/users/" + eve.ID).says("and 90 more").says(`href="/admin/sessions?text=eve"`)

	site.later(2 * time.Minute)
	second.get("/dashboard").answers(200)
	third := site.signIn("eve")
	if n := sessions(); n != models.MaxSessions {
		t.Errorf("after a further sign-in there are %d sessions", n)
	}
	if n := site.count(`SELECT COUNT(*) FROM session_payloads`); n > models.MaxSessions+2 {
		t.Errorf("%d payloads are left", n)
	}
	third.get("/dashboard").answers(200).says("Session ended: more than 100")
	second.get("/dashboard").answers(200)
	first.get("/dashboard").isTurnedAway()

	site.change(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
		INSERT INTO sessions (id, user_id, signer, address, browser, created, seen, expires)
		SELECT 'old' || i, u.id, '', '', 'Firefox on Linux', s.created, s.created, s.expires FROM n, users u, sessions s WHERE u.name = 'eve' AND s.id = (SELECT MIN(id) FROM sessions)`)
	for _, path := range []string{"/dashboard", "/sessions", "/activity", "/account"} {
		if size := len(third.get(path).answers(200).body); size > 150_000 {
			t.Errorf("with 5,100 sessions %s has %d bytes", path, size)
		}
	}
	if size := len(ada.get("/admin/users/" + eve.ID).answers(200).body); size > 150_000 {
		t.Errorf("the page for administrators has %d bytes", size)
	}
	third.get("/sessions").says("and 4999 more")
	site.signIn("eve")
	if n := sessions(); n != models.MaxSessions {
		t.Errorf("after another sign-in there are %d sessions", n)
	}
}

func TestS9AnEndIsFinal(t *testing.T) {
	for name, end := range map[string]func(site *testSite, ada *browser){
		"sign-out": func(_ *testSite, ada *browser) {
			answer := ada.post("/logout").leadsTo("/login?left=1")
			if set := answer.http.Header.Values("Set-Cookie"); !slices.Equal(set, []string{"daypass=; expires=Thu, 01 Jan 1970 00:00:01 GMT; path=/; HttpOnly; SameSite=Lax"}) {
				ada.t.Errorf("the cookie is not taken away: %q", set)
			}
			if clears := answer.http.Header.Get("Clear-Site-Data"); clears != `"cache", "storage"` {
				ada.t.Errorf("Clear-Site-Data is %s", clears)
			}
		},
		"disabling": func(site *testSite, _ *browser) {
			site.add("eve", models.Admin)
			must(site.t, site.db.SetDisabled(site.t.Context(), site.user("ada"), true, models.CommandLine))
		},
		"a new password": func(site *testSite, _ *browser) {
			must(site.t, site.db.SetPassword(site.t.Context(), site.user("ada"), "another walk in the grass", models.CommandLine))
		},
		"revoking": func(site *testSite, _ *browser) {
			_, err := site.db.EndSessionsOf(site.t.Context(), site.user("ada"), models.CommandLine)
			must(site.t, err)
		},
		"removing": func(site *testSite, _ *browser) {
			site.add("eve", models.Admin)
			must(site.t, site.db.RemoveUser(site.t.Context(), site.user("ada"), models.CommandLine))
		},
	} {
		t.Run(name, func(t *testing.T) {
			site := start(t)
			ada := site.signIn("ada")
			cookie := ada.cookie()
			end(site, ada)
			for range 3 {
				site.withCookie(cookie).get("/dashboard").isTurnedAway().hasNoCookie()
				site.withCookie(cookie).post("/logout").isTurnedAway().hasNoCookie()
			}
			if left := site.count(`SELECT (SELECT COUNT(*) FROM sessions) + (SELECT COUNT(*) FROM session_payloads)`); left != 0 {
				t.Errorf("%d rows are left of it", left)
			}
		})
	}
}

func (s *testSite) user(name string) *models.User {
	s.t.Helper()
	user, err := s.db.User(s.t.Context(), name)
	must(s.t, err)
	return user
}

func TestS9ASignInUnderWayDoesNotOutliveWhatEndsIt(t *testing.T) {
	site := start(t)
	for name, change := range map[string]func(*models.User) error{
		"disabled": func(u *models.User) error { return site.db.SetDisabled(t.Context(), u, true, models.CommandLine) },
		"password": func(u *models.User) error {
			return site.db.SetPassword(t.Context(), u, "another walk in the grass", models.CommandLine)
		},
		"removed": func(u *models.User) error { return site.db.RemoveUser(t.Context(), u, models.CommandLine) },
	} {
		verified := *site.add(name, models.Member) // as Authenticate returned it
		must(t, change(site.user(name)))
		_, err := site.db.AddSession(t.Context(), models.SignIn{ID: name, User: &verified, Lifetime: time.Hour})
		if !errors.Is(err, models.ErrRefused) {
			t.Errorf("%s: the sign-in that was under way ends with: %v", name, err)
		}
	}
}

func TestS10ReadingWritesNothing(t *testing.T) {
	site := start(t)
	ada := site.signIn("ada")
	ada.get("/dashboard").answers(200)
	watcher, err := sql.Open("sqlite3", site.file)
	must(t, err)
	defer watcher.Close()
	watcher.SetMaxOpenConns(1)
	version := func() (v int) {
		must(t, watcher.QueryRow(`PRAGMA data_version`).Scan(&v)) // changes with every foreign write
		return v
	}
	site.stopClock()
	before := version()
	for range 50 { // from memory
		ada.get("/dashboard").answers(200)
	}
	if version() != before {
		t.Error("reading the dashboard wrote to the database")
	}
	for range 5 { // anew, because somebody wrote in between
		for _, path := range []string{"/dashboard", "/sessions", "/activity", "/account", "/admin", "/admin/users", "/admin/sessions", "/admin/activity", "/activity.csv"} {
			site.change(`UPDATE users SET full_name = full_name || 'x'`)
			before = version()
			ada.get(path).answers(200)
			if version() != before {
				t.Errorf("reading %s wrote to the database", path)
			}
		}
	}
	before = version()
	ada.post("/logout")
	if version() == before {
		t.Error("the test would not notice a write")
	}
}

// TestS11WithoutTheDatabaseThereIsAnAnswer: its pages are damaged, as by a
// failing disk. When they were mended, a restart finds all that was kept.
func TestS11WithoutTheDatabaseThereIsAnAnswer(t *testing.T) {
	site := start(t)
	ada := site.signIn("ada")
	mend := site.damage()
	for i := range 3 {
		answer := ada.get(fmt.Sprintf("/sessions?%d", i)).answers(503).says("Nothing was lost").hasNoCookie()
		if answer.http.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		ada.login("ada", password).answers(503).hasNoCookie()
		ada.post("/logout").answers(503).hasNoCookie()
		site.visitor().get("/login").answers(200)
		site.visitor().get("/healthz").answers(503) // as the pages
	}
	mend()
	site.stop()
	again := startOn(t, site.file)
	again.visitor().get("/healthz").answers(200)
	again.withCookie(ada.cookie()).get("/dashboard").answers(200)
	again.signIn("ada")
}

// TestHealthzIsIllWhenPagesAre: whatever of what they read is damaged.
func TestHealthzIsIllWhenPagesAre(t *testing.T) {
	for _, table := range []string{"users", "sessions", "sqlite_autoindex_sessions_1", "session_payloads", "events_user"} {
		site := start(t)
		site.add("bob", models.Member)
		site.signIn("bob")
		ada := site.signIn("ada")
		site.visitor().get("/healthz").answers(200)
		mend := site.damage(table)
		if status := ada.get("/dashboard?anew").http.StatusCode; status != 503 {
			t.Errorf("%s: the page answers %d", table, status)
		}
		if status := site.visitor().get("/healthz").http.StatusCode; status != 503 {
			t.Errorf("%s: healthz answers %d", table, status)
		}
		mend()
	}
}

// damage spoils all pages of the database but the first, or the roots of some
// tables and indexes, and returns a function that mends them. Other programs do
// it: if this process closed the file, SQLite would lose its locks on it.
func (s *testSite) damage(roots ...string) (mend func()) {
	s.t.Helper()
	tool := func(name string, args ...string) {
		s.t.Helper()
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			s.t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	spoil := func(first, pages int) {
		tool("dd", "if=/dev/urandom", "of="+s.file, "bs=4096", fmt.Sprintf("seek=%d", first-1), fmt.Sprintf("count=%d", pages), "conv=notrunc")
	}
	s.change(`PRAGMA wal_checkpoint(TRUNCATE)`) // no page is only in the log
	whole := filepath.Join(s.t.TempDir(), "whole")
	tool("cp", s.file, whole)
	for _, name := range roots {
		spoil(s.count(`SELECT rootpage FROM sqlite_schema WHERE name = '`+name+`'`), 1)
	}
	if len(roots) == 0 {
		spoil(2, s.count(`PRAGMA page_count`)-1)
	}
	return func() { tool("dd", "if="+whole, "of="+s.file, "conv=notrunc") }
}

// TestAnErrorOfOurOwnIsNotADatabaseThatFails: nobody is told to try again, and
// the reference leads to the line in the log.
func TestAnErrorOfOurOwnIsNotADatabaseThatFails(t *testing.T) {
	site := start(t)
	ada := site.signIn("ada")
	site.change(`ALTER TABLE sessions RENAME TO out_of_reach`)
	page := ada.get("/sessions?anew").answers(500).hasNoCookie()
	reference := regexp.MustCompile(`<code>(\w+)</code>`).FindStringSubmatch(page.body)
	if reference == nil || !strings.Contains(site.log.String(), "request="+reference[1]) {
		t.Errorf("no reference to the log:\n%s", page.body)
	}
	if strings.Contains(page.body, "Nothing was lost") || page.http.Header.Get("Retry-After") != "" {
		t.Errorf("it is said to be for a moment:\n%s", page.body)
	}
}

func TestS11ADamagedPayloadEndsThatSessionAlone(t *testing.T) {
	site := start(t)
	for _, damage := range []string{
		`UPDATE session_payloads SET v = X'00FF00FF' WHERE k = `,
		`UPDATE session_payloads SET v = X'' WHERE k = `,
		`UPDATE session_payloads SET v = zeroblob(70000) WHERE k = `,
		`DELETE FROM session_payloads WHERE k = `,
	} {
		ada := site.signIn("ada")
		id := site.sessionID()
		whole := site.signIn("ada")
		site.change(damage + `'` + id + `'`)

		ada.get("/dashboard").isTurnedAway()
		whole.get("/dashboard").answers(200).says("Session ended")
		if site.count(`SELECT COUNT(*) FROM sessions`) != 1 {
			t.Error("the damaged session goes on")
		}
		whole.post("/logout")
	}
}

func TestS12AChangeCountsFromTheNextRequestOn(t *testing.T) {
	site := start(t)
	eve := site.add("eve", models.Admin)
	browser := site.signIn("eve")
	browser.get("/dashboard").says("administrator")
	browser.get("/admin/sessions").answers(200)
	site.change(`UPDATE users SET role = 'member' WHERE name = 'eve'`)
	browser.get("/admin/sessions").answers(403)
	if page := browser.get("/dashboard"); strings.Contains(page.body, "administrator") {
		t.Error("who is no administrator any more is still called one")
	}
	must(t, site.db.SetDisabled(t.Context(), eve, true, models.CommandLine))
	browser.get("/dashboard").isTurnedAway()
	must(t, site.db.SetDisabled(t.Context(), eve, false, models.CommandLine))
	browser.get("/dashboard").isTurnedAway() // the end of a session is not taken back
}

// TestS12WhatIsKeptIsNeverStale tries to catch the memory lying: while readers ask
// for kept pages all the time, what these show is changed by this process, over
// another connection, and by another process. Whoever asks after a change was
// acknowledged sees it, or a later one.
func TestS12WhatIsKeptIsNeverStale(t *testing.T) {
	site := start(t)
	eve := site.add("eve", models.Member)
	other := site.anotherWriter()
	var acknowledged atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	var asked atomic.Int64
	for range 8 {
		browser := site.signIn("eve")
		readers.Go(func() {
			number := regexp.MustCompile(`Hello, <bdi>(?:Eve (\d+)|eve)</bdi>`)
			for ctx.Err() == nil {
				least := acknowledged.Load()
				found := number.FindStringSubmatch(browser.get("/dashboard").body)
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
	mine := site.signIn("eve")
	for i := range int64(150) {
		name := fmt.Sprintf("Eve %d", i+1)
		switch i % 4 {
		case 0:
			must(t, site.db.SetFullName(t.Context(), eve, name, models.CommandLine))
		case 1:
			site.change(`UPDATE users SET full_name = '` + name + `' WHERE name = 'eve'`)
		case 2:
			other(`UPDATE users SET full_name = '` + name + `' WHERE name = 'eve'`)
		case 3:
			mine.post("/account/name", "full_name", name).leadsTo("/account")
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
	site := start(t)
	eve := site.add("eve", models.Member)
	other := site.anotherWriter()
	ada := site.signIn("ada")
	command := func(args ...string) func() {
		return func() {
			t.Helper()
			if status, _, errs := typed(t, "another walk in the grass", append([]string{"--database", site.file}, args...)...); status != 0 {
				t.Fatalf("daypass %q: %s", args, errs)
			}
		}
	}
	shows := func(path, text string, times int) func(*browser) {
		return func(b *browser) {
			t.Helper()
			if page := b.get(path).answers(200); strings.Count(page.body, text) < times {
				t.Errorf("%s says %q %d times, and not %d", path, text, strings.Count(page.body, text), times)
			}
		}
	}
	isOut := func(b *browser) { t.Helper(); b.get("/dashboard").isTurnedAway() }
	sql := func(statement string) func() { return func() { t.Helper(); other(statement) } }
	raw := func(statement string) func() { return func() { t.Helper(); site.change(statement) } }
	const ofEve = ` WHERE user_id = (SELECT id FROM users WHERE name = 'eve')`
	for name, change := range map[string]struct {
		make func()
		seen func(*browser)
	}{
		"disabled by an administrator":     {func() { ada.post("/admin/users/" + eve.ID + "/disable").answers(303) }, isOut},
		"disabled by another process":      {sql(`UPDATE users SET disabled = TRUE WHERE name = 'eve'`), isOut},
		"disabled over another connection": {raw(`UPDATE users SET disabled = TRUE WHERE name = 'eve'`), isOut},
		"disabled by a command":            {command("user", "disable", "eve"), isOut},
		"session ended by a command":       {command("session", "end", "--user", "eve"), isOut},
		"session deleted":                  {sql(`DELETE FROM sessions` + ofEve), isOut},
		"session expired":                  {sql(`UPDATE sessions SET expires = 1` + ofEve), isOut},
		"payload gone":                     {sql(`DELETE FROM session_payloads WHERE k IN (SELECT id FROM sessions` + ofEve + `)`), isOut},
		"payload damaged":                  {raw(`UPDATE session_payloads SET v = x'00' WHERE k IN (SELECT id FROM sessions` + ofEve + `)`), isOut},
		"all ended by an administrator":    {func() { ada.post("/admin/sessions/end").leadsTo("/login?left=1"); ada = site.signIn("ada") }, isOut},
		"another password":                 {command("user", "password", "eve"), isOut},
		"removed":                          {command("user", "remove", "eve"), isOut},
		"renamed by another process":       {sql(`UPDATE users SET name = 'eva' WHERE name = 'eve'`), shows("/dashboard", "eva", 1)},
		"made an administrator":            {func() { ada.post("/admin/users/" + eve.ID + "/make-admin").answers(303) }, shows("/dashboard", "Administration", 1)},
		"made one by another process":      {sql(`UPDATE users SET role = 'admin' WHERE name = 'eve'`), shows("/dashboard", "Administration", 1)},
		"a failed sign-in":                 {func() { site.visitor().login("eve", "wrong").answers(422) }, shows("/activity", "Failed sign-in</span>", 1)},
		"a sign-in elsewhere":              {func() { site.signIn("eve") }, shows("/sessions", "Firefox on Linux", 2)},
		"an event of another process":      {sql(`INSERT INTO events (id, user_id, kind, at, address, browser) SELECT 'x', id, 'data downloaded', 1, '', 'nobody' FROM users WHERE name = 'eve'`), shows("/activity", "nobody", 1)},
		"a value of another process":       {sql(`INSERT INTO session_values SELECT id, 'flash', 'Look here' FROM sessions` + ofEve), shows("/dashboard", "Look here", 1)},
		"a session's browser":              {raw(`UPDATE sessions SET browser = 'Lynx'` + ofEve), shows("/sessions", "Lynx", 1)},
	} {
		command("user", "remove", "eve")()
		eve = site.add("eve", models.Member)
		browser := site.signIn("eve")
		for range 3 {
			for _, path := range []string{"/dashboard", "/sessions", "/activity"} {
				browser.get(path).answers(200)
			}
		}
		change.make()
		if change.seen(browser); t.Failed() {
			t.Fatalf("%s was not seen", name)
		}
		site.change(`DELETE FROM events WHERE id = 'x'`)
		site.change(`UPDATE users SET name = 'eve', disabled = FALSE WHERE name_key = 'eve'`)
		if name == "removed" {
			site.add("eve", models.Member)
		}
	}
}

func TestS13ChangesComeFromThisSiteAlone(t *testing.T) {
	site := start(t, func(c *handlers.Config) { c.URL = &url.URL{Scheme: "http", Host: "intranet.test"} })
	for _, test := range []struct {
		what    string
		header  http.Header
		allowed bool
	}{
		{"this page", http.Header{"Sec-Fetch-Site": {"same-origin"}}, true},
		{"typed by a person", http.Header{"Sec-Fetch-Site": {"none"}}, true},
		{"no browser", http.Header{}, true},
		{"an old browser here", http.Header{"Origin": {site.url}}, true},
		{"the public URL, behind a proxy", http.Header{"Origin": {"http://intranet.test"}}, true},
		{"another site", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}}, false},
		{"a neighbour", http.Header{"Sec-Fetch-Site": {"same-site"}, "Origin": {"http://evil.intranet.test"}}, false},
		{"an old browser elsewhere", http.Header{"Origin": {"https://evil.example"}}, false},
		{"a sandboxed frame", http.Header{"Origin": {"null"}}, false},
		{"the public URL by another scheme", http.Header{"Origin": {"https://intranet.test"}, "Sec-Fetch-Site": {"cross-site"}}, false},
	} {
		t.Run(test.what, func(t *testing.T) {
			ada := site.signIn("ada")
			stranger := site.visitor()
			stranger.header, ada.header = test.header, test.header
			if test.allowed {
				stranger.login("ada", password).leadsTo("/dashboard")
				ada.post("/logout").leadsTo("/login?left=1")
			} else {
				stranger.login("ada", password).answers(403).hasNoCookie().says("another site")
				ada.post("/logout").answers(403)
				ada.get("/dashboard").answers(200)
			}
		})
	}
	ada := site.signIn("ada")
	for _, method := range []string{"GET", "HEAD"} {
		ada.do(method, "/logout", nil).leadsTo("/")
	}
	for _, method := range []string{"OPTIONS", "PUT", "DELETE", "PATCH", "TRACE"} {
		ada.do(method, "/logout", nil).answers(405)
	}
	ada.get("/dashboard").answers(200)
}

// TestS13NoOtherSiteChangesAnything: each form of the site, as whoever is there.
func TestS13NoOtherSiteChangesAnything(t *testing.T) {
	site := start(t)
	site.add("eve", models.Member)
	site.stopClock()
	token, err := site.db.LinkFor(t.Context(), site.user("eve"), models.CommandLine)
	must(t, err)
	people := map[string]*browser{"a stranger": site.visitor(), "a member": site.signIn("eve"), "an administrator": site.signIn("ada")}
	fields := []string{"username", "ada", "password", password, "current", password, "full_name", "Evil", "role", "admin", "token", token, "confirm", password}
	forms := 0
	site.wroteNothing(func() {
		for _, route := range site.app.GetRoutes(true) {
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
					b.header = header
					answer := b.post(site.pathOf(route.Path, "eve"), fields...).hasNoCookie()
					if answer.http.StatusCode != 403 || !strings.Contains(answer.body, "another site") {
						t.Errorf("%s of %s with %v answers %d", answer.to, who, header, answer.http.StatusCode)
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
	site := start(t)
	site.add("eve", models.Member)
	site.stopClock()
	people := map[string]*browser{"a stranger": site.visitor(), "a member": site.signIn("eve"), "an administrator": site.signIn("ada")}
	token, err := site.db.LinkFor(t.Context(), site.user("eve"), models.CommandLine)
	must(t, err)
	queries := []string{"", "?token=" + token + "&text=x&kind=sign-in&next=/dashboard&left=1"}
	every := func(method string) (pages int) {
		t.Helper()
		for _, route := range site.app.GetRoutes(true) {
			if route.Method != method {
				continue
			}
			pages++
			path := site.pathOf(route.Path, "eve")
			for who, b := range people {
				before := sitetest.Tables(t, site.file)
				for _, query := range queries {
					for range 2 {
						b.do(method, path+query, nil).hasNoCookie()
					}
				}
				if changed := sitetest.Changed(before, sitetest.Tables(t, site.file)); changed != "" {
					t.Errorf("%s %s of %s: %s", method, path, who, changed)
				}
			}
		}
		return pages
	}
	people["a member"].post("/account/name", "full_name", "Eve").leadsTo("/account")
	if pages := every("HEAD"); pages < 20 {
		t.Errorf("only %d pages were found", pages)
	}
	people["a member"].get("/dashboard").says("Your name was changed.")
	every("GET")
}

// TestS14EveryAnswerCarriesTheHeaders: all of them, with exactly these values, on
// every page in every state, whoever asks.
func TestS14EveryAnswerCarriesTheHeaders(t *testing.T) {
	for name, public := range map[string]*url.URL{
		"https":                        {Scheme: "https", Host: "dash.example.org"},
		"http on this machine":         {Scheme: "http", Host: "localhost"},
		"http in a network of its own": {Scheme: "http", Host: "intranet.test"},
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && name != "https" {
				t.Skip("the headers of all answers are those of https, but for two")
			}
			t.Parallel()
			want := map[string]string{
				"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
					"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
				"X-Content-Type-Options":       "nosniff",
				"X-Frame-Options":              "DENY",
				"Referrer-Policy":              "same-origin",
				"Cross-Origin-Resource-Policy": "same-origin",
				"Permissions-Policy":           "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
				"Cache-Control":                "no-store",
				"Cross-Origin-Opener-Policy":   "same-origin",
				"Strict-Transport-Security":    "max-age=63072000",
			}
			if public.Scheme != "https" {
				delete(want, "Strict-Transport-Security")
			}
			if public.Host == "intranet.test" {
				delete(want, "Cross-Origin-Opener-Policy")
			}
			statuses := map[int]bool{}
			checked := func(a *answer) {
				t.Helper()
				statuses[a.http.StatusCode] = true
				for _, name := range []string{"Content-Security-Policy", "X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy", "Cross-Origin-Resource-Policy",
					"Permissions-Policy", "Cache-Control", "Cross-Origin-Opener-Policy", "Strict-Transport-Security"} {
					value := want[name]
					if name == "Cache-Control" && strings.Contains(a.to, " /public/app.") && a.http.StatusCode == 200 {
						value = "public, max-age=31536000, immutable"
					}
					if got := strings.Join(a.http.Header.Values(name), " and "); got != value {
						t.Errorf("%s (%d): %s is %q, not %q", a.to, a.http.StatusCode, name, got, value)
					}
				}
				if strings.Contains(a.body, "<script>") || strings.Contains(a.body, "<style") || strings.Contains(a.body, "style=") {
					t.Errorf("%s (%d) has inline code", a.to, a.http.StatusCode)
				}
			}
			site := startEmpty(t, func(c *handlers.Config) { c.URL = public })
			asked := func(method string, b *browser, header, value string, fields url.Values, path string) {
				t.Helper()
				b.header.Set(header, value)
				defer b.header.Del(header)
				checked(b.do(method, path, fields))
			}
			stranger := site.visitor()
			for _, path := range []string{"/", "/login", "/setup", "/setup?token=" + url.QueryEscape("the link of the terminal")} {
				checked(stranger.get(path))
			}
			signedIn := func(name string, role models.Role) *browser {
				t.Helper()
				site.add(name, role)
				answer := stranger.login(name, password).leadsTo("/dashboard")
				checked(answer)
				b := site.visitor() // the cookie may be Secure, and this is no https
				b.client.Jar = nil
				pair, _, _ := strings.Cut(answer.http.Header.Get("Set-Cookie"), ";")
				b.header.Set("Cookie", pair)
				return b
			}
			stranger.client.Jar = nil
			ada, eve := signedIn("ada", models.Admin), signedIn("eve", models.Member)
			for _, b := range []*browser{stranger, eve, ada} {
				for _, route := range site.app.GetRoutes(true) {
					path := site.pathOf(route.Path, "eve")
					if route.Method == "POST" {
						asked("POST", b, "Sec-Fetch-Site", "cross-site", url.Values{}, path)
						continue
					}
					for range 2 { // the second may be a cached one
						checked(b.do(route.Method, path, nil))
					}
				}
				for _, path := range []string{"/nothing", "/public/nothing", "/admin/users/nobody", "/link?token=x", "/login?next=/dashboard"} {
					checked(b.get(path))
				}
				checked(b.do("DELETE", "/login", nil))
				checked(b.raw(tooLarge))
				checked(b.raw("GET /login HTTP/1.1\r\nX-Large: " + strings.Repeat("x", 20_000)))
			}
			checked(eve.post("/account/name", "full_name", strings.Repeat("x", 201)))
			for range 7 {
				checked(stranger.login("nobody", "wrong"))
			}
			site.broken.Store(true)
			checked(ada.get("/dashboard"))
			site.broken.Store(false)
			must(t, os.Rename(site.file, site.file+".aside"))
			checked(ada.get("/dashboard"))
			for _, status := range []int{200, 303, 403, 404, 405, 413, 422, 429, 431, 500, 503} {
				if !statuses[status] {
					t.Errorf("no answer had the status %d", status)
				}
			}
		})
	}
}

func TestS15NextStaysOnThisSite(t *testing.T) {
	site := start(t)
	ada := site.signIn("ada")
	for next, leads := range map[string]string{
		"/dashboard":                 "/dashboard",
		"/dashboard?page=2":          "/dashboard?page=2",
		"":                           "/dashboard",
		"dashboard":                  "/dashboard",
		"//evil.example":             "/dashboard",
		"/\\evil.example":            "/dashboard",
		"\\\\evil.example":           "/dashboard",
		"https://evil.example":       "/dashboard",
		"javascript:alert(1)":        "/dashboard",
		"/\t/evil.example":           "/dashboard",
		"/dashboard\r\nSet-Cookie:x": "/dashboard",
		"/\x00":                      "/dashboard",
		"/\xff":                      "/dashboard",
		"/no/such/page":              "/dashboard",
		"/logout":                    "/dashboard",
		"/session/watch":             "/dashboard",
		"/activity.csv":              "/dashboard",
		"/admin/activity.csv?name=x": "/dashboard",
		"/healthz":                   "/dashboard",
		"/login/forget.svg":          "/dashboard",
		"/public/app.css":            "/dashboard",
		"/admin/users/x":             "/admin/users/x",
		"/dashboard/../../x":         "/dashboard",
		"/dashboard?" + strings.Repeat("x", 2037): "/dashboard?" + strings.Repeat("x", 2037),
		"/dashboard?" + strings.Repeat("x", 2038): "/dashboard",
	} {
		site.visitor().post("/login", "username", "ada", "password", password, "next", next).leadsTo(leads)
		ada.get("/login?next=" + url.QueryEscape(next)).leadsTo(leads)
		carried := regexp.MustCompile(`name="next" value="([^"]*)"`).FindStringSubmatch(site.visitor().get("/login?next=" + url.QueryEscape(next)).answers(200).body)
		if carried == nil && leads != "/dashboard" || carried != nil && html.UnescapeString(carried[1]) != leads {
			t.Errorf("the form for %.100q carries %q", next, carried)
		}
	}
	site.visitor().get("/login?next=%2Fdashboard%3Fpage%3D2").says(`value="/dashboard?page=2"`)
	site.visitor().get("/dashboard?page=2").leadsTo("/login?next=%2Fdashboard%3Fpage%3D2")
	site.visitor().login("ada", "wrong").answers(422)
	site.visitor().post("/login", "username", "ada", "password", "wrong", "next", "/dashboard?a=b").says(`value="/dashboard?a=b"`).says(`value="ada"`)
}

// public is every page that needs no session. A line is added here on purpose.
var public = []string{
	"GET /public/:name", "HEAD /public/:name", "GET /healthz", "HEAD /healthz",
	"GET /setup", "HEAD /setup", "POST /setup", "GET /login", "HEAD /login", "POST /login",
	"GET /login/forget.svg", "HEAD /login/forget.svg", "GET /link", "HEAD /link", "POST /link",
	"GET /session/watch", "HEAD /session/watch",
}

func TestEveryOtherPageIsForTheSignedIn(t *testing.T) {
	site := start(t)
	guarded := 0
	for _, route := range site.app.GetRoutes(true) {
		name := route.Method + " " + route.Path
		if slices.Contains(public, name) {
			continue
		}
		guarded++
		site.visitor().do(route.Method, strings.ReplaceAll(route.Path, ":id", "x"), nil).isTurnedAway()
	}
	if guarded < 3 {
		t.Errorf("only %d guarded routes were found", guarded)
	}
}

func TestTheFirstStart(t *testing.T) {
	site := startEmpty(t)
	first := site.visitor()
	for _, path := range []string{"/", "/login", "/dashboard", "/nothing"} {
		first.get(path).leadsTo("/setup")
	}
	first.login("ada", password).leadsTo("/setup")
	for _, path := range []string{"/setup", "/setup?token=guessed", "/setup?token="} {
		first.get(path).answers(403).says("Almost there").hasNoCookie()
	}
	form := []string{"username", "Ada", "full_name", "Ada Lovelace", "password", password, "token"}
	first.post("/setup", append(form, "guessed")...).answers(403)

	token := "the link of the terminal"
	first.get("/setup?token=" + url.QueryEscape(token)).answers(200).says("Create the first account")
	first.post("/setup", "username", "Ada", "full_name", "Ada <b>", "password", "short", "token", token).
		answers(422).says("at least 15 characters").says(`value="Ada"`).says(`value="Ada &lt;b&gt;"`).hasNoCookie()
	if users := site.count(`SELECT COUNT(*) FROM users`); users != 0 {
		t.Fatalf("there are %d users", users)
	}

	// Two people have the link and use it at once: one gets the account.
	var wg sync.WaitGroup
	var made atomic.Int32
	for i := range 8 {
		wg.Go(func() {
			answer := site.visitor().post("/setup", "username", fmt.Sprint("admin", i), "full_name", "", "password", password, "token", token)
			switch answer.http.StatusCode {
			case 303:
				made.Add(1)
			case 404:
				answer.hasNoCookie()
			default:
				t.Errorf("answered %d", answer.http.StatusCode)
			}
		})
	}
	wg.Wait()
	if made.Load() != 1 || site.count(`SELECT COUNT(*) FROM users`) != 1 {
		t.Fatalf("%d people made the first account", made.Load())
	}
	first.get("/setup?token=" + url.QueryEscape(token)).answers(404)
	first.post("/setup", append(form, token)...).answers(404)
	first.get("/dashboard").isTurnedAway()
}

func TestABadRequestIsAnsweredAndWritesNothing(t *testing.T) {
	site := start(t)
	ada := site.signIn("ada")
	before := site.rows()
	long := strings.Repeat("x", 3000)
	for _, text := range []string{"\x00", "\xff\xfe", "a\x00b", "\r\nX: y", long, "\u202eevil", "a b", "'; DROP TABLE users; --\x00", "\u00ad", "🙂\x00"} {
		if answer := site.visitor().login(text, password); answer.http.StatusCode != 422 {
			t.Errorf("username %q answered %d", text, answer.http.StatusCode)
		}
		site.visitor().get("/login?next=" + url.QueryEscape(text)).answers(200)
		site.visitor().get("/" + url.PathEscape(text)).isTurnedAway()
		if answer := ada.get("/" + url.PathEscape(text)); answer.http.StatusCode != 404 {
			t.Errorf("path %q answered %d", text, answer.http.StatusCode)
		}
		site.withCookie(url.PathEscape(text)).get("/dashboard").isTurnedAway()
		forged := site.visitor()
		forged.header = http.Header{"User-Agent": {url.PathEscape(text)}, "X-Forwarded-For": {long}, "Accept": {long}, "Referer": {long}}
		forged.get("/login").answers(200)
	}
	for _, wrong := range []string{"", "\x00", "\xff", strings.Repeat("é", 600)} {
		site.visitor().login("ada", wrong).answers(422).hasNoCookie()
	}
	site.visitor().login("ada", strings.Repeat("p", 1025)).answers(422).says("at most 1024 bytes")
	site.visitor().post("/login").answers(422).says("Enter your username.").says("Enter your password.")
	site.visitor().raw(tooLarge).answers(413).says("64 KiB")
	if after := site.rows(); after != before {
		t.Errorf("before: %s; after: %s", before, after)
	}
}

// TestRawRequests sends what no well-behaved client sends.
func TestRawRequests(t *testing.T) {
	site := start(t)
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
		connection, err := net.Dial("tcp", strings.TrimPrefix(site.url, "http://"))
		must(t, err)
		connection.SetDeadline(time.Now().Add(10 * time.Second))
		_, err = connection.Write([]byte(raw))
		must(t, err)
		reply, _ := io.ReadAll(connection)
		connection.Close()
		if !regexp.MustCompile(`^HTTP/1\.1 (4\d\d|303) `).Match(reply) {
			t.Errorf("%s: %.60q", what, reply)
		}
	}
	site.signIn("ada").get("/dashboard").answers(200)
}

func TestWhatIsNoFormChangesNothing(t *testing.T) {
	site := start(t)
	ada := site.signIn("ada")
	ada.post("/account/name", "full_name", "Ada Lovelace").leadsTo("/account")
	send := func(path, mediaType, encoding, body string) *answer {
		request, err := http.NewRequest("POST", site.url+path, strings.NewReader(body))
		must(t, err)
		request.Header = ada.header.Clone()
		if mediaType != "" {
			request.Header.Set("Content-Type", mediaType)
		}
		if encoding != "" {
			request.Header.Set("Content-Encoding", encoding)
		}
		response, err := ada.client.Do(request)
		must(t, err)
		defer response.Body.Close()
		content, err := io.ReadAll(response.Body)
		must(t, err)
		return &answer{t, "POST " + path + " as " + mediaType, response, string(content)}
	}
	for _, mediaType := range []string{"application/json", "multipart/form-data; boundary=x", "text/plain", "", "application/x-www-form-urlencoded-not", ";"} {
		send("/account/name", mediaType, "", `{"full_name": "Eve"}`).answers(415).says("Only forms are accepted")
		send("/login", mediaType, "", `{"username": "ada"}`).answers(415)
	}
	send("/account/name", "application/x-www-form-urlencoded", "gzip", "full_name=Eve").answers(415)
	send("/account/name", "", "", "").answers(400)
	if name := site.user("ada").FullName; name != "Ada Lovelace" {
		t.Errorf("the name is %q", name)
	}
	for _, mediaType := range []string{"Application/X-WWW-Form-URLencoded", "application/x-www-form-urlencoded;charset=UTF-8", " application/x-www-form-urlencoded ; charset=utf-8"} {
		send("/account/name", mediaType, "", "full_name=Ada+"+strconv.Itoa(len(mediaType))).leadsTo("/account")
		if name := site.user("ada").FullName; name != "Ada "+strconv.Itoa(len(mediaType)) {
			t.Errorf("as %s the name is %q", mediaType, name)
		}
	}
	send("/logout", "", "", "").leadsTo("/login?left=1") // a button without fields
}

func TestUsernamesAreComparedAsPeopleDo(t *testing.T) {
	site := start(t)
	site.add("Zoë", models.Member)
	for _, typed := range []string{"zoë", "ZOË", "Zoe\u0308", "ｚｏë", "  zoë "} {
		site.visitor().login(typed, password).leadsTo("/dashboard")
	}
	site.visitor().login("zoe", password).answers(422)
	if _, err := site.db.AddUser(t.Context(), models.NewUser{Name: "ZOE\u0308", Password: password, Role: models.Member}, models.CommandLine); err == nil || !strings.Contains(err.Error(), "taken") {
		t.Errorf("the same name was added twice: %v", err)
	}
}

func TestNamesAreShownAsTyped(t *testing.T) {
	site := start(t)
	for i, full := range []string{"x", strings.Repeat("W", 200), "<script>alert(1)</script>", "שרה כהן", "🙂🙃", `"'&`} {
		name := fmt.Sprint("user", i)
		_, err := site.db.AddUser(t.Context(), models.NewUser{Name: name, FullName: full, Password: password, Role: models.Member}, models.CommandLine)
		must(t, err)
		page := site.signIn(name).get("/dashboard").answers(200)
		if strings.Contains(page.body, "<script>") {
			t.Errorf("%q is not escaped", full)
		}
	}
}

func TestAPanicIsAPageAndALine(t *testing.T) {
	site := start(t)
	ada := site.signIn("ada")
	site.broken.Store(true)
	page := ada.get("/dashboard").answers(500).says("Something broke").hasNoCookie()
	site.broken.Store(false)
	reference := regexp.MustCompile(`<code>(\w+)</code>`).FindStringSubmatch(page.body)
	if log := site.log.String(); !strings.Contains(log, "a test panics") || reference == nil || !strings.Contains(log, reference[1]) {
		t.Errorf("the log does not tell:\n%s", log)
	}
	if strings.Contains(page.body, "a test panics") {
		t.Error("the page tells what panicked")
	}
	ada.get("/dashboard").answers(200)
}

func TestAProxyIsBelievedOnlyWhenTrusted(t *testing.T) {
	claim := func(site *testSite, forwarded string) string {
		ada := site.visitor()
		ada.header["X-Forwarded-For"] = strings.Split(forwarded, " & ")
		ada.login("ada", password).leadsTo("/dashboard")
		sessions, _, err := site.db.SessionsOf(t.Context(), site.user("ada"), models.MaxSessions)
		must(t, err)
		return sessions[0].Address
	}
	if address := claim(start(t), "203.0.113.9"); address != "127.0.0.1" {
		t.Errorf("a stranger's claim counts: %s", address)
	}
	for forwarded, want := range map[string]string{
		"203.0.113.9":                     "203.0.113.9",
		"198.51.100.1, 203.0.113.9":       "203.0.113.9", // what stands before is the client's claim
		"203.0.113.9, 127.0.0.2":          "203.0.113.9", // through two of our proxies
		"2001:db8::1":                     "2001:db8::1",
		"::ffff:203.0.113.9":              "203.0.113.9",
		"198.51.100.1 & 203.0.113.9":      "203.0.113.9", // in a line of its own, as HAProxy writes it
		"203.0.113.9 & 127.0.0.2":         "203.0.113.9",
		"198.51.100.1, 203.0.113.9 & ":    "127.0.0.1",
		"nonsense":                        "127.0.0.1",
		"203.0.113.9, <script>, 10.1.1.1": "10.1.1.1",
		"":                                "127.0.0.1",
	} {
		trusting := start(t, func(c *handlers.Config) { c.TrustedProxies = prefixes(t, "127.0.0.0/8") })
		if address := claim(trusting, forwarded); address != want {
			t.Errorf("%q is %s, not %s", forwarded, address, want)
		}
	}
}

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	ada := start(t).signIn("ada")
	links := regexp.MustCompile(`(?:href|src)="(/[^"#]*)`)
	seen := map[string]bool{}
	for todo := []string{"/dashboard"}; len(todo) > 0; {
		path := todo[0]
		todo = todo[1:]
		if seen[path] {
			continue
		}
		seen[path] = true
		page := ada.get(path)
		if page.http.StatusCode == 303 {
			todo = append(todo, page.http.Header.Get("Location"))
			continue
		}
		page.answers(200)
		if strings.HasPrefix(page.http.Header.Get("Content-Type"), "text/html") {
			for _, link := range links.FindAllStringSubmatch(page.body, -1) {
				todo = append(todo, link[1])
			}
		}
	}
	if len(seen) < 5 {
		t.Errorf("the crawl found only %d addresses", len(seen))
	}
}

func TestAssetsAreKeptForEverAndCompressed(t *testing.T) {
	site := start(t)
	page := site.visitor().get("/login")
	sheet := regexp.MustCompile(`/public/app\.[0-9a-f]{12}\.css`).FindString(page.body)
	plain := site.visitor()
	plain.header.Set("Accept-Encoding", "identity")
	whole := plain.get(sheet).answers(200)
	if kept := whole.http.Header.Get("Cache-Control"); !strings.Contains(kept, "immutable") {
		t.Errorf("Cache-Control: %s", kept)
	}
	for accepted, encoding := range map[string]string{"gzip": "gzip", "gzip, deflate, br, zstd": "br"} {
		packed := site.visitor()
		packed.header.Set("Accept-Encoding", accepted)
		answer := packed.get(sheet).answers(200)
		if answer.http.Header.Get("Content-Encoding") != encoding || 3*len(answer.body) >= len(whole.body) || answer.http.Header.Get("Vary") == "" {
			t.Errorf("%s: %d of %d bytes, %v", accepted, len(answer.body), len(whole.body), answer.http.Header)
		}
	}
	site.visitor().get("/public/app.css").answers(404)
	site.visitor().get("/public/..%2fmain.go").answers(404)
}

func prefixes(t *testing.T, networks ...string) (parsed []netip.Prefix) {
	t.Helper()
	for _, network := range networks {
		prefix, err := netip.ParsePrefix(network)
		must(t, err)
		parsed = append(parsed, prefix)
	}
	return parsed
}

// window is a window of a real browser.
type window struct {
	t   *testing.T
	ctx context.Context
}

// chromium opens a window of a real browser with a profile of its own. Without
// Chromium the test is skipped, and fails in CI. Whatever the browser complains
// about fails the test: scripts, the policy, requests.
func chromium(t *testing.T, width, height int64, dark bool) *window {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil && path == "" {
			path = found
		}
	}
	if path == "" {
		const missing = "this test needs a browser; install Chromium, such as with: apt-get install chromium"
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	options := []chromedp.ExecAllocatorOption{chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(int(width), int(height))}
	for _, flag := range []string{
		"headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run",
		"disable-background-networking", "disable-component-update", "disable-sync", "hide-scrollbars",
	} {
		options = append(options, chromedp.Flag(flag, true))
	}
	options = append(options, chromedp.Flag("host-resolver-rules", "MAP intranet.test 127.0.0.1"))
	browser, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	t.Cleanup(func() { chromedp.Cancel(ctx) })
	must(t, chromedp.Do(ctx)) // starts it; a limit on this call would be one on all
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)

	w := &window{t, ctx}
	w.complains()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	call(w, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	call(w, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	must(t, chromedp.Do(ctx, chromedp.EmulateViewport(width, height)))
	return w
}

// tab opens another tab in the same browser, before the others, or another
// window. Unlike the first one, it knows when it is not seen.
func (w *window) tab(newWindow bool) *window {
	w.t.Helper()
	ctx, cancel := chromedp.NewContext(w.ctx, chromedp.WithNewWindow(newWindow))
	w.t.Cleanup(cancel)
	tab := &window{w.t, ctx}
	must(w.t, chromedp.Do(ctx))
	tab.complains()
	return tab
}

// complains fails the test when the browser complains about the page.
func (w *window) complains() {
	t := w.t
	t.Helper()
	must(t, chromedp.Listen(w.ctx, func(event any) {
		switch event := event.(type) {
		case *log.EventEntryAdded:
			refused := strings.Contains(event.Entry.Text, "the server responded with a status of ") // as a form may be
			if event.Entry.Level != log.EntryLevelInfo && !refused {
				t.Errorf("the browser complains: %s %s", event.Entry.Text, event.Entry.URL)
			}
		case *runtime.EventExceptionThrown:
			t.Errorf("the script fails: %v", event.ExceptionDetails)
		case *runtime.EventConsoleAPICalled:
			t.Errorf("the script writes to the console: %s", event.Type)
		case *network.EventLoadingFailed:
			if !event.Canceled { // the page itself closes a stream
				t.Errorf("a request failed: %s", event.ErrorText)
			}
		}
	}))
	call(w, log.Enable, cdp.Empty{})
	call(w, network.Enable, network.EnableParams{})
}

// call gives the browser a command of its protocol.
func call[P, R any](w *window, command cdp.Command[P, R], params P) {
	w.t.Helper()
	_, err := chromedp.Call(w.ctx, command, params)
	must(w.t, err)
}

// ask returns what an expression in the page says.
func ask[T any](w *window, expression string) T {
	w.t.Helper()
	value, err := chromedp.Run(w.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	must(w.t, err)
	return value
}

func (w *window) open(address string) {
	w.t.Helper()
	must(w.t, chromedp.Do(w.ctx, chromedp.Navigate(address)))
}

// settled waits until the cursor is where the page wants it, which is a little
// after the page is there.
func (w *window) settled() {
	w.t.Helper()
	for range 250 {
		if ask[bool](w, "!document.querySelector('[autofocus]') || document.activeElement != document.body") {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	w.t.Error("the cursor is nowhere")
}

// press types on the keyboard, into whatever has the focus.
func (w *window) press(keys string) {
	w.t.Helper()
	w.settled()
	must(w.t, chromedp.Do(w.ctx, chromedp.KeyEvent(keys)))
}

// enter presses Enter and waits for the page that comes of it.
func (w *window) enter() {
	w.t.Helper()
	_, err := chromedp.RunResponse(w.ctx, chromedp.KeyEvent(kb.Enter))
	must(w.t, err)
}

// signOut clicks the button and waits for the page that comes of it.
func (w *window) signOut() {
	w.t.Helper()
	_, err := chromedp.RunResponse(w.ctx, chromedp.Click(`form[action="/logout"] button`))
	must(w.t, err)
}

// back goes back in the history and waits until another page is there. While
// one page gives way to another there is nobody to ask, so it asks again.
func (w *window) back() {
	w.t.Helper()
	from := ask[string](w, "location.href")
	chromedp.Run(w.ctx, chromedp.Evaluate[any]("history.back()"))
	w.waitFor(fmt.Sprintf("location.href != %q && document.readyState == 'complete' && !document.documentElement.hidden", from))
}

// shows says which address the window shows, and what has the focus.
func (w *window) shows(address, focus string) {
	w.t.Helper()
	if shown := ask[string](w, "location.href"); shown != address {
		w.t.Fatalf("the window shows %s, not %s", shown, address)
	}
	w.settled()
	if focused := ask[string](w, "document.activeElement.id"); focused != focus {
		w.t.Errorf("at %s the cursor is in %q, not in %q", address, focused, focus)
	}
}

// look checks the page that the window shows: axe-core finds nothing to
// complain of, and nothing is wider than the window. The picture is kept with
// the test's artifacts (go test -artifacts).
func (w *window) look(name string) {
	w.t.Helper()
	axe, err := os.ReadFile("handlers/testdata/axe.min.js")
	must(w.t, err)
	complaints := ask[string](w, string(axe)+`;
		axe.run().then(found => found.violations.map(v => v.id + ": " + v.nodes.map(n => n.html + " " + n.failureSummary).join("\n")).join("\n"))`)
	if complaints != "" {
		w.t.Errorf("%s: axe-core finds %s", name, complaints)
	}
	if ask[bool](w, "document.documentElement.scrollWidth > innerWidth") {
		w.t.Errorf("%s is wider than the window", name)
	}
	picture, err := chromedp.Run(w.ctx, chromedp.FullScreenshot(100))
	must(w.t, err)
	must(w.t, os.WriteFile(filepath.Join(w.t.ArtifactDir(), strings.ReplaceAll(name, " ", "-")+".png"), picture, 0o600))
}

func TestInARealBrowser(t *testing.T) {
	for _, script := range []bool{true, false} {
		t.Run(fmt.Sprintf("script=%t", script), func(t *testing.T) {
			site := startEmpty(t)
			w := chromium(t, 1280, 800, false)
			call(w, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !script})

			// The first account, with the keyboard alone.
			w.open(site.url + "/setup?token=the+link+of+the+terminal")
			w.shows(site.url+"/setup?token=the+link+of+the+terminal", "username")
			w.press("ada\tAda Lovelace\t" + password)
			w.enter()
			w.shows(site.url+"/dashboard", "")
			if title := ask[string](w, "document.title"); title != "Dashboard · Daypass" {
				t.Errorf("the title is %q", title)
			}
			began := ask[string](w, "document.querySelector('.facts time').textContent")
			if relative := began == "just now"; relative != script {
				t.Errorf("the session began %q", began)
			}
			w.signOut()
			w.shows(site.url+"/login?left=1", "username")

			// A mistake, and then the right password, on the way to where one wanted to go.
			w.open(site.url + "/dashboard?from=bookmark")
			w.shows(site.url+"/login?next=%2Fdashboard%3Ffrom%3Dbookmark", "username")
			w.press("ada\ta wrong password")
			w.enter()
			w.shows(site.url+"/login", "password")
			w.press(password)
			w.enter()
			w.shows(site.url+"/dashboard?from=bookmark", "")

			// Going back does not show what was signed out of.
			w.signOut()
			w.back()
			w.shows(site.url+"/login?next=%2Fdashboard%3Ffrom%3Dbookmark", "username")
		})
	}
}

// TestFlowsInARealBrowser does what people and administrators do, with and
// without the script.
func TestFlowsInARealBrowser(t *testing.T) {
	for _, script := range []bool{true, false} {
		t.Run(fmt.Sprintf("script=%t", script), func(t *testing.T) {
			site := start(t)
			elsewhere := site.signIn("ada")
			w := chromium(t, 390, 800, true)
			call(w, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !script})
			says := func(text string) {
				t.Helper()
				if shown := ask[string](w, "document.body.innerText"); !strings.Contains(shown, text) {
					t.Errorf("the page does not say %q:\n%s", text, shown)
				}
			}
			w.open(site.url + "/login")
			w.press("ada\t" + password)
			w.enter()

			// End a session elsewhere, after being asked.
			w.open(site.url + "/sessions")
			w.click("article li:nth-child(2) summary", false)
			w.click("article li:nth-child(2) .sure button", true)
			says("The session was ended.")
			elsewhere.get("/dashboard").isTurnedAway()

			// Change the name and the password.
			w.open(site.url + "/account")
			w.into("#full_name", "Ada Lovelace")
			w.enter()
			says("Your name was changed.")
			w.into("#current", "not the password")
			w.into("#password", "another walk in the grass")
			w.enter()
			says("This is not your current password.")
			w.press(password)
			w.into("#password", "another walk in the grass")
			w.enter()
			says("Your password was changed")

			// Look for what happened.
			w.open(site.url + "/activity?kind=password+change")
			says("Password changed")

			// Invite somebody, who sets a password and comes in.
			w.open(site.url + "/admin/users/new")
			w.press("eve")
			w.enter()
			link := ask[string](w, "document.getElementById('link').value")
			w.open(site.url + "/dashboard")
			w.back()
			if again := ask[string](w, "document.getElementById('link').value"); again != link {
				t.Error("going back made another link")
			}
			w.open(site.url + "/dashboard")
			w.signOut()
			w.open(link)
			w.press(password)
			w.enter()
			w.shows(site.url+"/dashboard", "")
			says("Hello, eve")

			// And removes the account again, after being asked.
			w.open(site.url + "/account")
			w.click("article:last-child summary", false)
			w.into("#removal", password)
			w.enter()
			w.shows(site.url+"/login?left=1", "username")
			if site.count(`SELECT COUNT(*) FROM users`) != 1 {
				t.Error("the account was not removed")
			}
		})
	}
}

// click clicks on what a selector names, and waits for the page that comes of it, if one does.
func (w *window) click(selector string, leads bool) {
	w.t.Helper()
	if leads {
		_, err := chromedp.RunResponse(w.ctx, chromedp.Click(selector))
		must(w.t, err)
		return
	}
	must(w.t, chromedp.Do(w.ctx, chromedp.Click(selector)))
}

// into puts the cursor into a field, clears it and types.
func (w *window) into(selector, text string) {
	w.t.Helper()
	must(w.t, chromedp.Do(w.ctx, chromedp.Clear(selector), chromedp.Focus(selector), chromedp.KeyEvent(text)))
}

// TestOverPlainHTTPInARealBrowser is the trap of Referrer-Policy: no-referrer,
// which only shows on a host that is not this machine by name.
func TestOverPlainHTTPInARealBrowser(t *testing.T) {
	site := start(t, func(c *handlers.Config) { c.URL.Host = "intranet.test:" + c.URL.Port() })
	w := chromium(t, 1280, 800, false)
	w.open(site.app.URL.String() + "/login")
	w.press("ada\t" + password)
	w.enter()
	w.shows(site.app.URL.String()+"/dashboard", "")
	// Clear-Site-Data is not heard here: the script sees to the way back.
	w.signOut()
	w.back()
	w.shows(site.app.URL.String()+"/login?next=%2Fdashboard", "username")
}

// life is a day and a half of what people do, for pages to show something.
func (s *testSite) life(users ...string) {
	s.t.Helper()
	agents := []string{
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0",
		"Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36",
	}
	for i, agent := range agents {
		for _, user := range users {
			b := s.visitor()
			b.header.Set("User-Agent", agent)
			if i == 1 {
				b.login(user, "not the password").answers(422)
			}
			b.login(user, password).leadsTo("/dashboard")
			if i == 0 {
				s.later(3 * time.Hour)
				b.post("/logout").leadsTo("/login?left=1")
			}
		}
		s.later(11*time.Hour + 7*time.Minute)
	}
	s.offset.Store(0)
}

// TestAnOpenPageLeavesWhenItsSessionEnds, and says why, and comes back to where it was.
func TestAnOpenPageLeavesWhenItsSessionEnds(t *testing.T) {
	site := start(t)
	w := chromium(t, 1280, 800, false)
	w.open(site.url + "/login")
	w.press("ada\t" + password)
	w.enter()
	w.open(site.url + "/sessions")
	w.shows(site.url+"/sessions", "")
	_, err := site.db.EndSessionsOf(t.Context(), site.user("ada"), models.CommandLine)
	must(t, err)
	ended := time.Now()
	left := site.url + "/login?ended=1&next=%2Fsessions"
	for w.ctx.Err() == nil {
		if where, err := chromedp.Run(w.ctx, chromedp.Location()); err == nil && where == left {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Logf("it left after %s", time.Since(ended).Round(10*time.Millisecond))
	w.shows(left, "username")
	if said := ask[string](w, "document.querySelector('.message').textContent"); !strings.Contains(said, "Your session has ended") {
		t.Errorf("it says %q", said)
	}
}

// TestTwentyTabsOfOneBrowser opens more pages than a browser opens connections
// to a host: six, over HTTP/1.1.
func TestTwentyTabsOfOneBrowser(t *testing.T) {
	for kind, windows := range map[string]bool{"tabs": false, "windows": true} {
		t.Run(kind, func(t *testing.T) {
			// Between browser and program, to see who watches.
			var watching, most atomic.Int32
			address := freeAddress(t)
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
			p := launch(t, folder, "--listen", address, "--url", front.URL)
			w := chromium(t, 1280, 800, false)
			w.open(regexp.MustCompile(`http\S+/setup\?token=\w+`).FindString(p.out.String()))
			w.press("ada\t\t" + password)
			w.enter()
			w.shows(front.URL+"/dashboard", "")
			w.open("about:blank")
			w.waitFor("true")

			var tabs []*window
			for range 20 {
				tab := w.tab(windows)
				tab.open(front.URL + "/sessions")
				tab.waitFor("document.title == 'Your sessions · Daypass'")
				tabs = append(tabs, tab)
			}
			visible := 0
			for _, tab := range tabs {
				if ask[string](tab, "document.visibilityState") == "visible" {
					visible++
				}
			}
			if want := map[bool]int{false: 1, true: 20}[windows]; visible != want {
				t.Fatalf("%d pages are visible, not %d", visible, want)
			}
			oneWatches := func() {
				t.Helper()
				until(t, "one page watches", func() bool { return watching.Load() == 1 })
			}
			oneWatches()
			for _, tab := range tabs {
				call(tab, page.BringToFront, cdp.Empty{})
				tab.open(front.URL + "/account")
				tab.waitFor("document.title == 'Account · Daypass' && !document.hidden")
				oneWatches()
			}
			t.Logf("%d watched at most at once", most.Load())

			// The session ends: who is seen leaves, who is not leaves when it is seen.
			status, _, errs := typed(t, "", "session", "end", "--all", "--database", filepath.Join(folder, "data/daypass.db"))
			if status != 0 {
				t.Fatal(errs)
			}
			ended := time.Now()
			last := tabs[len(tabs)-1]
			left := fmt.Sprintf("location.href == %q && document.readyState == 'complete'", front.URL+"/login?ended=1&next=%2Faccount")
			last.waitFor(left)
			t.Logf("the last page left after %s", time.Since(ended).Round(10*time.Millisecond))
			until(t, "nobody watches", func() bool { return watching.Load() == 0 })
			for _, tab := range tabs {
				if !windows && tab != last {
					if where := ask[string](tab, "location.pathname"); where != "/account" {
						t.Errorf("a page that is not seen left for %s", where)
					}
				}
				call(tab, page.BringToFront, cdp.Empty{})
				tab.waitFor(left)
			}
			p.stop()
		})
	}
}

// until waits for something to become true.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 1500 {
		if is() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("it never came to this: %s", what)
}

// TestAPageFromWhichDataWasDownloadedStillLeaves: a download leaves the page as it is.
func TestAPageFromWhichDataWasDownloadedStillLeaves(t *testing.T) {
	site := start(t)
	w := chromium(t, 1280, 800, false)
	w.open(site.url + "/login")
	w.press("ada\t" + password)
	w.enter()
	w.open(site.url + "/account")
	w.click(`form[action="/account/data.json"] button`, false)
	for began := time.Now(); site.count(`SELECT COUNT(*) FROM events WHERE kind = 'data downloaded'`) == 0; time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatal("nothing is downloaded")
		}
	}
	w.shows(site.url+"/account", "")
	_, err := site.db.EndSessionsOf(t.Context(), site.user("ada"), models.CommandLine)
	must(t, err)
	w.waitFor(`location.pathname == "/login"`)
}

// TestAPageThatSentAFormWaitsForItsAnswer: the sign-out must not be cut short by
// the news that the session has ended.
func TestAPageThatSentAFormWaitsForItsAnswer(t *testing.T) {
	site := start(t)
	w := chromium(t, 1280, 800, false)
	w.open(site.url + "/login")
	w.press("ada\t" + password)
	w.enter()
	w.shows(site.url+"/dashboard", "")
	ask[any](w, "addEventListener('submit', event => event.preventDefault())") // an answer that takes its time
	w.click(`form[action="/logout"] button`, false)
	// The page tells the others of this browser, and leaves itself, or not.
	ask[any](w, `window.told = window.leaves = false;
		new BroadcastChannel(document.body.dataset.watch).addEventListener("message", () => { told = true });
		addEventListener("beforeunload", () => { leaves = true })`)
	_, err := site.db.EndSessionsOf(t.Context(), site.user("ada"), models.CommandLine)
	must(t, err)
	w.waitFor("told")
	if ask[bool](w, "new Promise(done => setTimeout(() => done(leaves), 200))") {
		t.Error("the page leaves")
	}
	w.shows(site.url+"/dashboard", ask[string](w, "document.activeElement.id"))
}

// openFiles tells how many files may be open at once, up to a number.
func openFiles(most int) int {
	var files []*os.File
	for range most {
		file, err := os.Open(os.DevNull)
		if err != nil {
			break
		}
		files = append(files, file)
	}
	for _, file := range files {
		file.Close()
	}
	return len(files)
}

// TestAPageMoreThanASessionMayWatchGoesOn: a session has so many event streams and
// a user so many; one that is closed makes room at once.
func TestAPageMoreThanASessionMayWatchGoesOn(t *testing.T) {
	site := start(t)
	watch := func(cookie string) (status int, closing func() error) {
		connection, err := net.Dial("tcp", strings.TrimPrefix(site.url, "http://"))
		must(t, err)
		t.Cleanup(func() { connection.Close() })
		fmt.Fprintf(connection, "GET /session/watch HTTP/1.1\r\nHost: x\r\nCookie: daypass=%s\r\n\r\n", cookie)
		response, err := http.ReadResponse(bufio.NewReader(connection), nil)
		must(t, err)
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
	_, cookie := site.session(site.user("ada"))
	leave := opened(cookie, models.MaxWatchers)
	site.withCookie(cookie).get("/dashboard").answers(200)
	if got := site.withCookie(cookie).do("HEAD", "/session/watch", nil).http.StatusCode; got != 200 {
		t.Errorf("HEAD is answered %d", got)
	}
	must(t, leave())
	for began := time.Now(); ; { // well within the heartbeat
		if status, _ := watch(cookie); status == 200 {
			break
		} else if time.Since(began) > 15*time.Second {
			t.Fatal("a stream that was closed is still counted")
		}
	}
	open := models.MaxWatchers
	for open+models.MaxWatchers < models.MaxWatchersPerUser {
		_, cookie := site.session(site.user("ada"))
		opened(cookie, models.MaxWatchers)
		open += models.MaxWatchers
	}
	_, last := site.session(site.user("ada"))
	opened(last, models.MaxWatchersPerUser-open)
	_, eve := site.session(site.add("eve", models.Member))
	opened(eve, models.MaxWatchers)
}

// TestManyIdlePages holds pages open that watch the sessions of many users, and ends those from outside.
func TestManyIdlePages(t *testing.T) {
	pages := 2000
	if testing.Short() {
		pages = 100
	}
	if most := openFiles(2*pages + 200); most < 2*pages+200 { // each needs two
		pages = max(1, most/2-100)
		t.Logf("only %d files may be open here: %d pages", most, pages)
	}
	site := start(t)
	var users []*models.User
	var cookies []string // of each page
	for i := range pages {
		if i%models.MaxWatchersPerUser == 0 {
			users = append(users, site.add(fmt.Sprint("user", i), models.Member))
		}
		if i%models.MaxWatchersPerUser%models.MaxWatchers == 0 {
			_, cookie := site.session(users[len(users)-1])
			cookies = append(cookies, cookie)
		} else {
			cookies = append(cookies, cookies[i-1])
		}
	}
	_, other := site.session(site.user("ada"))
	var told, opened atomic.Int32
	var open sync.WaitGroup
	page := func(cookie string, told *atomic.Int32) {
		connection, err := net.Dial("tcp", strings.TrimPrefix(site.url, "http://"))
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
	site.withCookie(cookies[0]).get("/dashboard").answers(200)
	ended := time.Now()
	for _, user := range users {
		_, err := site.db.EndSessionsOf(t.Context(), user, models.CommandLine)
		must(t, err)
	}
	for told.Load() < int32(pages) && time.Since(ended) < 30*time.Second {
		time.Sleep(10 * time.Millisecond)
	}
	if told.Load() != int32(pages) || otherTold.Load() != 0 {
		t.Errorf("%d of %d pages were told, and %d of another session", told.Load(), pages, otherTold.Load())
	}
	t.Logf("%d pages were told within %s", told.Load(), time.Since(ended).Round(10*time.Millisecond))
	began := time.Now()
	site.stop() // does not wait for the page that still watches
	if took := time.Since(began); took > 9*time.Second {
		t.Errorf("the server took %s to stop", took)
	}
	open.Wait()
}

func TestHowItLooks(t *testing.T) {
	site, empty := startEmpty(t), startEmpty(t)
	site.later(-40 * time.Hour)
	site.add("ada", models.Admin)
	site.change(`UPDATE users SET full_name = 'Ada Lovelace'`)
	long := strings.Repeat("long-username-", 4) + "64-chars"
	_, err := site.db.AddUser(t.Context(), models.NewUser{
		Name: long, FullName: strings.Repeat("Wolfeschlegelsteinhausenbergerdorff ", 5), Password: password, Role: models.Member,
	}, models.CommandLine)
	must(t, err)
	site.life("ada", long)
	for _, ago := range []string{"13 * 86400", "82800"} { // the first slots of both charts, where their labels are
		site.change(`INSERT INTO events (id, user_id, kind, at, address, browser) SELECT '0-` + ago + `' || n.i, id, 'sign-in', unixepoch() - ` + ago + `, '203.0.113.9', 'Firefox on Linux'
			FROM users, (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40) SELECT i FROM n) n WHERE name = 'ada'`)
	}
	token := "?token=" + url.QueryEscape("the link of the terminal")
	for _, dark := range []bool{false, true} {
		for _, width := range []int64{1280, 390} {
			t.Run(fmt.Sprintf("dark=%t,width=%d", dark, width), func(t *testing.T) {
				w := chromium(t, width, 800, dark)
				w.open(empty.url + "/")
				w.look("setup without the link")
				w.open(empty.url + "/setup" + token)
				w.look("setup")
				w.press("a b\t\tshort")
				w.enter()
				w.look("setup refused")
				w.open(site.url + "/setup")
				w.look("not found")
				w.open(site.url + "/login?left=1")
				w.look("login")
				w.press("ada\twrong")
				w.enter()
				w.look("login refused")
				w.press(password)
				w.enter()
				w.look("dashboard")
				w.open(site.url + "/nothing")
				w.look("not found when signed in")
				w.open(site.url + "/sessions")
				w.look("sessions")
				for path, name := range map[string]string{
					"/activity": "activity", "/activity?kind=sign-out&before=0": "activity without a match",
					"/admin/sessions": "all sessions", "/admin/sessions?text=nobody": "all sessions without a match",
					"/admin/activity": "all activity", "/admin/users": "users", "/admin/users?text=nobody": "users without a match",
					"/admin/users/new": "add a user", "/admin": "system", "/admin/users/" + site.user(long).ID: "user", "/account": "account",
				} {
					w.open(site.url + path)
					w.look(name)
				}
				w.open(site.url + "/admin/users/new")
				w.press(fmt.Sprintf("guest-%d-%t", width, dark))
				w.enter()
				w.look("link")
				link := ask[string](w, "document.getElementById('link').value")
				w.open(site.url + "/account")
				must(t, chromedp.Do(w.ctx, chromedp.Focus("#current")))
				w.press("wrong\tshort")
				w.enter()
				w.look("account refused")
				w.signOut()
				w.press(long + "\t" + password)
				w.enter()
				w.look("dashboard of a long name")
				w.open(site.url + "/admin/sessions")
				w.look("forbidden")
				w.open(site.url + "/sessions")
				w.look("sessions of a long name")
				w.signOut()
				w.open(link)
				w.look("set password")
				w.press("short")
				w.enter()
				w.look("set password refused")
				w.press(password)
				w.enter()
				w.shows(site.url+"/dashboard", "")
				w.signOut()
				w.open(link)
				w.look("link used")
				elsewhere := start(t, func(c *handlers.Config) { c.URL = &url.URL{Scheme: "https", Host: "dash.example.org"} })
				w.open(elsewhere.url + "/login")
				w.look("login misconfigured")
				w.press("nobody\twrong")
				for range 5 {
					w.enter()
					w.press("wrong")
				}
				w.enter()
				w.look("throttled")
			})
		}
	}
}

// typed runs a command line as a shell does, and returns what it printed.
func typed(t *testing.T, input string, args ...string) (status int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	status = command.Run(t.Context(), args, strings.NewReader(input), &o, &e)
	return status, o.String(), e.String()
}

func TestUsersFromTheCommandLine(t *testing.T) {
	site := start(t)
	on := func(args ...string) []string { return append(args, "--database", site.file) }
	for _, test := range []struct {
		input  string
		args   []string
		status int
		says   string
	}{
		{password + "\n", on("user", "add", "Bob", "--full-name", "Bob <b>"), 0, "Added Bob (member)."},
		{password, on("user", "add", "eve", "--admin"), 0, "Added eve (admin)."},
		{password, on("user", "add", "BOB"), 1, "taken"},
		{"short", on("user", "add", "kim"), 1, "at least 15"},
		{"", on("user", "add", "kim"), 1, "Choose a password"},
		{password, on("user", "add", "a b"), 1, "No spaces"},
		{password, on("user", "add"), 2, "name"},
		{"", on("user", "list"), 0, "Bob <b>"},
		{"", on("user", "list", "--json"), 0, `"name": "Bob"`},
		{"another walk in the grass\n", on("user", "password", "bob"), 0, "new password"},
		{"short", on("user", "password", "bob"), 1, "at least 15"},
		{password, on("user", "password", "nobody"), 1, `no user "nobody"`},
		{"", on("user", "disable", "bob"), 0, "disabled"},
		{"", on("user", "enable", "bob"), 0, "can sign in again"},
		{"", on("user", "remove", "bob"), 0, "removed"},
		{"", on("user", "remove", "eve"), 0, "removed"},
		{"", on("user", "remove", "ada"), 1, "last administrator"},
		{"", on("user", "disable", "ada"), 1, "last administrator"},
		{"", on("session", "list", "--user", "nobody"), 1, "no user"},
		{"", on("session", "end"), 2, "give the ID of a session"},
		{"", on("session", "end", "nothing"), 1, "no session"},
		{"", []string{"user", "list", "--database", filepath.Join(t.TempDir(), "mistyped.db")}, 1, "there is no database"},
		{"", []string{"version"}, 0, "daypass " + command.Version},
		{"", []string{"--help"}, 0, "Usage: daypass"},
		{"", []string{"nonsense"}, 2, "unknown command nonsense;"},
		{"", on("user", "nonsense"), 2, "unknown command nonsense;"},
		{"", []string{"serve", "nonsense"}, 2, "unexpected argument nonsense;"},
		{"", []string{"version", "nonsense"}, 2, "unexpected argument nonsense;"},
		{"", on("user", "remove", "ada", "nonsense"), 2, "unexpected argument nonsense;"},
		{"", []string{"--listne", "x"}, 2, "--listne"},
		{"", []string{"--lifetime", "soon"}, 2, "lifetime"},
		{"", []string{"--lifetime", "1s"}, 2, "too short"},
		{"", []string{"--idle", "1s"}, 2, "too short"},
		{"", []string{"--trusted-proxy", "nearby"}, 2, "trusted-proxy"},
		{"", on("--listen", "127.0.0.1:0", "--url", "ftp://x"), 2, "must be the address of a site"},
		{"", on("--listen", "127.0.0.1:0", "--url", "https://x/path"), 2, "must be the address of a site"},
		{"", on("--listen", "300.0.0.1:0"), 1, "can't listen"},
		{"", on("--listen", strings.TrimPrefix(site.url, "http://")), 1, "already in use; choose another address"},
		{"", []string{"--database", t.TempDir()}, 1, "is a folder"},
	} {
		status, out, errs := typed(t, test.input, test.args...)
		if status != test.status || !strings.Contains(out+errs, test.says) {
			t.Errorf("daypass %q: status %d, printed %s%s", test.args, status, out, errs)
		}
		if status == 1 && strings.Count(errs, "\n") != 1 {
			t.Errorf("daypass %q does not fail in one line: %s", test.args, errs)
		}
	}
}

func TestListsOfProgramsHaveOneForm(t *testing.T) {
	file := filepath.Join(t.TempDir(), "daypass.db")
	list := func(args ...string) (rows []map[string]any) {
		t.Helper()
		status, out, errs := typed(t, "", append(args, "--json", "--database", file)...)
		if err := json.Unmarshal([]byte(out), &rows); status != 0 || err != nil || rows == nil {
			t.Fatalf("daypass %q: status %d, %v: %s%s", args, status, err, out, errs)
		}
		return rows
	}
	site := startOn(t, file)
	if len(list("user", "list"))+len(list("session", "list")) != 0 {
		t.Error("the lists are not empty")
	}
	site.add("ada", models.Admin)
	site.signIn("ada")
	for kind, want := range map[string]string{
		"user":    "created disabled full_name id name role",
		"session": "address browser created expires id seen user",
	} {
		if got := strings.Join(slices.Sorted(maps.Keys(list(kind, "list")[0])), " "); got != want {
			t.Errorf("a %s has %s", kind, got)
		}
	}
}

func TestCommandsBesideARunningServer(t *testing.T) {
	site := start(t)
	beside := func(args ...string) string {
		t.Helper()
		status, out, errs := typed(t, "another walk in the grass", append(args, "--database", site.file)...)
		if status != 0 {
			t.Fatalf("daypass %q: status %d: %s", args, status, errs)
		}
		return out
	}
	ada, other := site.signIn("ada"), site.signIn("ada")
	list := beside("session", "list")
	if strings.Count(list, "Firefox on Linux") != 2 {
		t.Fatalf("the list is\n%s", list)
	}
	beside("session", "end", strings.Fields(strings.Split(list, "\n")[1])[0])
	if left := strings.Count(beside("session", "list", "--user", "ada", "--json"), `"browser": "Firefox on Linux"`); left != 1 {
		t.Errorf("%d sessions are left", left)
	}
	beside("session", "end", "--user", "ada")
	ada.get("/dashboard").isTurnedAway()
	other.get("/dashboard").isTurnedAway()

	ada = site.signIn("ada")
	beside("session", "end", "--all")
	ada.get("/dashboard").isTurnedAway()
	ada = site.signIn("ada")
	site.stopClock()
	for range 5 {
		site.visitor().login("ada", "not the password").answers(422)
	}
	site.visitor().login("ada", "another walk in the grass").answers(429)
	beside("user", "password", "ada")
	site.signInWith("ada", "another walk in the grass") // what failed before is forgiven
	ada.get("/dashboard").isTurnedAway()
	ada.login("ada", password).answers(422)
	ada.login("ada", "another walk in the grass").leadsTo("/dashboard")
	ada.get("/dashboard").says("Password changed").says("command line")
}

func TestMisspeltVariablesStopTheProgram(t *testing.T) {
	for misspelt, meant := range map[string]string{
		"DAYPASS_LISTNE": "DAYPASS_LISTEN", "DAYPASS_LIFTIME": "DAYPASS_LIFETIME", "DAYPASS_SECRETS": "DAYPASS_SECRET", "DAYPASS_TRUSTED_PROXIES": "DAYPASS_TRUSTED_PROXY",
		"DAYPASS_TRUSTEDPROXY": "DAYPASS_TRUSTED_PROXY", "DAYPASS_URI": "DAYPASS_URL", "DAYPASS_url": "DAYPASS_URL",
	} {
		t.Run(misspelt, func(t *testing.T) {
			t.Setenv(misspelt, "127.0.0.1:0")
			status, _, errs := typed(t, "", "--database", filepath.Join(t.TempDir(), "daypass.db"))
			if status != 1 || !strings.Contains(errs, "unknown variable "+misspelt+"; did you mean "+meant+"?") {
				t.Errorf("status %d: %s", status, errs)
			}
		})
	}
}

// TestInKubernetesTheProgramStarts: it sets these in every container beside a
// service named daypass.
func TestInKubernetesTheProgramStarts(t *testing.T) {
	injected := map[string]string{
		"DAYPASS_SERVICE_HOST": "10.0.171.239", "DAYPASS_SERVICE_PORT": "80", "DAYPASS_SERVICE_PORT_HTTP": "80", "DAYPASS_PORT": "tcp://10.0.171.239:80",
		"DAYPASS_PORT_80_TCP": "tcp://10.0.171.239:80", "DAYPASS_PORT_80_TCP_PROTO": "tcp", "DAYPASS_PORT_80_TCP_PORT": "80", "DAYPASS_PORT_80_TCP_ADDR": "10.0.171.239",
	}
	for name, value := range injected {
		t.Setenv(name, value)
	}
	folder := t.TempDir()
	p := launch(t, folder)
	if said := regexp.MustCompile(`(?m)^.*level=WARN.*$`).FindAllString(p.out.String(), -1); len(said) != 1 {
		t.Errorf("it does not warn in one line:\n%s", p.out)
	}
	_, doctor, _ := typed(t, "", "doctor", "--database", filepath.Join(folder, "data/daypass.db"))
	if !regexp.MustCompile(`(?m)^warning +variables `).MatchString(doctor) {
		t.Errorf("the doctor says\n%s", doctor)
	}
	for name := range injected {
		if !strings.Contains(p.out.String(), name) || !strings.Contains(doctor, name) {
			t.Errorf("%s is not named", name)
		}
	}
	p.stop()
}

func TestSecretsFromTheVariable(t *testing.T) {
	for value, says := range map[string]string{"keyboard cat": "tutorial", "short": "32", secretA + ",short": "secret 2", "": "32"} {
		t.Setenv("DAYPASS_SECRET", value)
		status, _, errs := typed(t, "", "--listen", "127.0.0.1:0", "--database", filepath.Join(t.TempDir(), "daypass.db"))
		if status != 1 || !strings.Contains(errs, says) || value != "" && strings.Contains(errs, value) {
			t.Errorf("%q: status %d: %s", value, status, errs)
		}
	}
}

// program is the product in a process of its own.
type program struct {
	t       *testing.T
	process *exec.Cmd
	out     *lockedBuffer
	url     string
}

// launch runs the program in a folder and waits until it says where it is.
func launch(t *testing.T, folder string, args ...string) *program {
	t.Helper()
	return launchProgram(t, os.Args[0], folder, args...)
}

func launchProgram(t *testing.T, path, folder string, args ...string) *program {
	t.Helper()
	return launchAs(t, nil, path, folder, args...)
}

func launchAs(t *testing.T, who *syscall.SysProcAttr, path, folder string, args ...string) *program {
	t.Helper()
	p := &program{t: t, out: &lockedBuffer{}}
	p.process = exec.Command(path, append([]string{"--listen", "127.0.0.1:0"}, args...)...)
	p.process.Dir, p.process.SysProcAttr = folder, who
	p.process.Env = append(os.Environ(), "BE_THE_PROGRAM=1")
	p.process.Stdout, p.process.Stderr = p.out, p.out
	must(t, p.process.Start())
	t.Cleanup(func() { p.process.Process.Kill(); p.process.Wait() })
	for range 500 {
		if found := regexp.MustCompile(`Daypass is at (http\S+)\n(?s:.*)listening`).FindStringSubmatch(p.out.String()); found != nil {
			p.url = found[1]
			return p
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("the program does not start:\n%s", p.out)
	return nil
}

// stop asks the program to end, as a service manager does.
func (p *program) stop() {
	p.t.Helper()
	must(p.t, p.process.Process.Signal(syscall.SIGTERM))
	if err := p.process.Wait(); err != nil {
		p.t.Errorf("the program ends with %v:\n%s", err, p.out)
	}
}

func TestTheProgramFromTheFirstStartOn(t *testing.T) {
	folder := t.TempDir()
	first := launch(t, folder)
	link := regexp.MustCompile(`http://localhost:\d+/setup\?token=(\w+)`).FindStringSubmatch(first.out.String())
	if link == nil || !strings.HasPrefix(link[0], first.url) {
		t.Fatalf("no link to the first account:\n%s", first.out)
	}
	if strings.Contains(first.out.String()[strings.Index(first.out.String(), "time="):], link[1]) {
		t.Error("the log has the token")
	}
	site := &testSite{t: t, url: first.url}
	ada := site.visitor()
	ada.get(strings.TrimPrefix(link[0], first.url)).answers(200)
	ada.post("/setup", "token", link[1], "username", "ada", "full_name", "", "password", password).leadsTo("/dashboard")
	ada.get("/dashboard").answers(200)
	cookie := ada.cookie()
	first.stop()

	// What was acknowledged is there after a restart: the user, the session, the secret.
	second := launch(t, folder)
	if strings.Contains(second.out.String(), "/setup") {
		t.Error("the second start offers the setup again")
	}
	(&testSite{t: t, url: second.url}).withCookie(cookie).get("/dashboard").answers(200)
	second.stop()
	for _, name := range []string{"data/daypass.db", "data/secret"} {
		if info, err := os.Stat(filepath.Join(folder, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

func TestTheReadmeNamesEveryFlagAndVariable(t *testing.T) {
	content, err := os.ReadFile("README.md")
	must(t, err)
	readme := string(content)
	parser, err := kong.New(&command.CommandLine{}, kong.Name("daypass"))
	must(t, err)
	flags := 0
	for _, node := range append([]*kong.Node{parser.Model.Node}, parser.Model.Children...) {
		for _, flag := range node.Flags {
			if len(flag.Envs) == 0 { // of one command alone
				continue
			}
			flags++
			row := regexp.MustCompile("(?m)^\\| `--" + flag.Name + "` \\| `([A-Z_]+)` \\| (.*) \\| (.+) \\|$").FindStringSubmatch(readme)
			if row == nil || row[1] != flag.Envs[0] {
				t.Errorf("the README has no row for --%s and %s", flag.Name, flag.Envs)
			} else if flag.Default != "" && row[2] != "`"+flag.Default+"`" {
				t.Errorf("the README says that --%s is %s, and it is %s", flag.Name, row[2], flag.Default)
			}
		}
	}
	if flags < 8 {
		t.Errorf("only %d flags were found", flags)
	}
	var line command.CommandLine
	defaults, err := kong.New(&line, kong.Name("daypass"))
	must(t, err)
	_, err = defaults.Parse([]string{"serve"})
	must(t, err)
	if s := line.Serve.Settings; (models.Throttle{Account: s.ThrottleAccount, Address: s.ThrottleAddress, Delay: s.ThrottleDelay, Longest: s.ThrottleLongest}) != models.DefaultThrottle {
		t.Errorf("the defaults of the flags are not %+v", models.DefaultThrottle)
	}
	for name := range command.Variables(parser.Model) {
		if !strings.Contains(readme, "`"+name+"`") {
			t.Errorf("the README does not name %s", name)
		}
	}
	for _, command := range parser.Model.Leaves(true) {
		if !strings.Contains(readme, command.FullPath()) && command.Name != "serve" {
			t.Errorf("the README does not name the command %q", command.FullPath())
		}
	}
	// Every direct dependency has its reason.
	module, err := os.ReadFile("go.mod")
	must(t, err)
	for _, line := range strings.Split(strings.Split(string(module), ")")[0], "\n")[3:] {
		if name, _, found := strings.Cut(strings.TrimSpace(line), " v"); found && !strings.Contains(readme, name) {
			t.Errorf("the README does not say why %s is there", name)
		}
	}
}

func TestFailedSignInsSlowDownFurtherOnes(t *testing.T) {
	site := start(t)
	site.stopClock()
	owner := site.signIn("ada")
	owner.post("/logout")
	elsewhere := site.signIn("ada")

	var pages []string
	for _, name := range []string{"ada", "nobody"} {
		stranger := site.visitor()
		stranger.header.Set("User-Agent", "curl/8")
		for range 5 {
			stranger.login(name, "not the password").answers(422)
		}
		answer := stranger.login(name, password).answers(429).says("Please wait 1 second").hasNoCookie()
		if answer.http.Header.Get("Retry-After") != "1" {
			t.Errorf("Retry-After is %q", answer.http.Header.Get("Retry-After"))
		}
		pages = append(pages, answer.body)
	}
	if pages[0] != pages[1] {
		t.Error("the page tells who exists")
	}
	// The owner is not locked out: not where a session was, not where one is.
	owner.login("ada", password).leadsTo("/dashboard")
	elsewhere.get("/dashboard").answers(200).says("Failed sign-in")
	elsewhere.login("ada", password).leadsTo("/dashboard")
	// Nor for good anywhere else.
	site.later(2 * time.Second)
	site.visitor().login("ada", password).leadsTo("/dashboard")
	site.visitor().login("ada", "not the password").answers(422)

	// What a browser is known by counts for that account alone, and can't be made up.
	site.add("eve", models.Member)
	for range 5 {
		site.visitor().login("eve", "not the password").answers(422)
	}
	owner.login("eve", password).answers(429)
	forger := site.visitor()
	forger.header.Set("Cookie", "daypass-known=AAAAAAAAAAAAAAAAAAAAAAAAAA.7wfGMsw3lXzwXN2mXw2sXyYkGk2BPyw7iHqkHqkHqkH~x~.~~")
	forger.login("eve", password).answers(429)
}

// TestAMadeUpCookieCostsNothing sends cookies as long as a header may be, each
// part of which looks as if its signature had to be verified.
func TestAMadeUpCookieCostsNothing(t *testing.T) {
	site := start(t)
	mark := strings.Repeat("A", 26) + "." + strings.Repeat("B", 43)
	spent := func(cookie ...string) time.Duration {
		stranger := site.visitor()
		stranger.header["Cookie"] = cookie
		var before, after syscall.Rusage
		must(t, syscall.Getrusage(syscall.RUSAGE_SELF, &before))
		for range 20 {
			stranger.post("/login", "username", "ada").answers(422)
		}
		must(t, syscall.Getrusage(syscall.RUSAGE_SELF, &after))
		return time.Duration(after.Utime.Nano()-before.Utime.Nano()) / 20
	}
	spent("")
	for what, cookie := range map[string][]string{
		"empty marks":       {"daypass-known=" + strings.Repeat("~", 14_000)},
		"short marks":       {"daypass-known=" + strings.Repeat("x.y~", 3500)},
		"whole marks":       {"daypass-known=" + strings.Repeat(mark+"~", 14_000/71)},
		"one session":       {"daypass=s:" + strings.Repeat("x", 14_000) + ".y"},
		"many cookies":      {strings.Repeat("daypass-known=x;", 900)},
		"many header lines": slices.Repeat([]string{"daypass=s:x.y"}, 600),
	} {
		if each := spent(cookie...); each > 5*time.Millisecond {
			t.Errorf("%s take %s of the processor", what, each)
		}
	}
}

func TestOneBrowserOfSeveralPeople(t *testing.T) {
	site := start(t)
	kiosk := site.visitor()
	for i := range 12 {
		name := fmt.Sprint("user", i)
		site.add(name, models.Member)
		kiosk.login(name, password).leadsTo("/dashboard")
	}
	address, err := url.Parse(site.url)
	must(t, err)
	known := []string{}
	for _, cookie := range kiosk.client.Jar.Cookies(address) {
		if cookie.Name == "daypass-known" {
			known = strings.Split(cookie.Value, "~")
		}
	}
	if len(known) != 8 {
		t.Errorf("the browser is known as %q", known)
	}
}

func TestS9ChangingThePassword(t *testing.T) {
	site := start(t)
	ada, other := site.signIn("ada"), site.signIn("ada")
	before := ada.cookie()
	const next = "another walk in the grass"
	for _, test := range []struct{ current, password, says string }{
		{"", next, "Enter your password."},
		{"not the password", next, "not your current password"},
		{password, "short", "at least 15"},
		{password, "ada ada ada ada ada", "easy to guess"},
		{password, password, "This is the current password."},
		{password, strings.Repeat("x", 1025), "too long"},
		{strings.Repeat("x", 1025), next, "at most 1024 bytes"},
	} {
		ada.post("/account/password", "current", test.current, "password", test.password).answers(422).says(test.says).hasNoCookie()
	}
	if ada.cookie() != before {
		t.Fatal("a refused change gave another ID")
	}
	other.get("/dashboard").answers(200)

	site.later(20 * time.Hour)
	answer := ada.post("/account/password", "current", password, "password", next).leadsTo("/account")
	ada.get("/account").says("Your password was changed")
	if page := ada.get("/account").answers(200); strings.Contains(page.body, "Your password was changed") {
		t.Error("the message is shown twice")
	}
	if cookie := answer.http.Cookies()[0]; cookie.Value == before || cookie.MaxAge > 4*3600 || cookie.MaxAge < 4*3600-60 {
		t.Errorf("the new cookie is %v", cookie) // another ID, and no longer a day
	}
	other.get("/dashboard").isTurnedAway()
	site.withCookie(before).get("/dashboard").isTurnedAway()
	for _, table := range []string{"sessions", "session_payloads"} {
		if rows := site.count(`SELECT COUNT(*) FROM ` + table); rows != 1 {
			t.Errorf("%s has %d rows", table, rows)
		}
	}
	site.visitor().login("ada", password).answers(422)
	site.signInWith("ada", next)
	site.later(5 * time.Hour)
	ada.get("/dashboard").isTurnedAway() // the day of the sign-in is over
}

func (s *testSite) signInWith(name, password string) *browser {
	s.t.Helper()
	b := s.visitor()
	b.login(name, password).leadsTo("/dashboard")
	return b
}

func TestEndingSessionsInTheBrowser(t *testing.T) {
	site := start(t)
	site.add("eve", models.Member)
	ada, phone, eve := site.signIn("ada"), site.signIn("ada"), site.signIn("eve")
	ids := map[string][]string{}
	for _, name := range []string{"ada", "eve"} {
		sessions, _, err := site.db.SessionsOf(t.Context(), site.user(name), models.MaxSessions)
		must(t, err)
		for _, session := range sessions {
			ids[name] = append(ids[name], session.ID)
		}
	}
	mine := regexp.MustCompile(`(?s)this device</span></span>.*?action="/sessions/([^/]+)/end"`).FindStringSubmatch(ada.get("/sessions").body)
	if mine == nil {
		t.Fatal("no session is marked as this device")
	}
	theOther := ids["ada"][0]
	if theOther == mine[1] {
		theOther = ids["ada"][1]
	}

	// Not somebody else's, not what is not there; not an administrator's page.
	for _, id := range []string{ids["ada"][0], "nothing", "%00", strings.Repeat("x", 500)} {
		eve.post("/sessions/" + id + "/end").answers(404)
	}
	eve.get("/admin/sessions").answers(403).says("Your account doesn&#39;t have access")
	eve.post("/admin/sessions/" + theOther + "/end").answers(403)
	if page := eve.get("/dashboard").answers(200); strings.Contains(page.body, "/admin") {
		t.Error("a member sees what only administrators may open")
	}
	phone.get("/dashboard").answers(200)

	ada.post("/sessions/" + theOther + "/end").leadsTo("/sessions")
	phone.get("/dashboard").isTurnedAway()
	ada.get("/sessions").says("The session was ended.")
	ada.post("/sessions/" + theOther + "/end").answers(404)

	third := site.signIn("ada")
	ada.post("/sessions/end").leadsTo("/sessions")
	third.get("/dashboard").isTurnedAway()

	ada.get("/admin/sessions").answers(200).says("eve")
	ada.post("/admin/sessions/" + ids["eve"][0] + "/end").leadsTo("/admin/sessions")
	eve.get("/dashboard").isTurnedAway()

	ada.post("/sessions/" + mine[1] + "/end").leadsTo("/login?left=1")
	ada.get("/dashboard").isTurnedAway()
}

// TestS9NothingInFlightRevivesASession races what ends a session against
// readers, writers and sign-ins, round after round.
func TestS9NothingInFlightRevivesASession(t *testing.T) {
	rounds := 200
	if testing.Short() {
		rounds = 20
	}
	site := start(t)
	site.add("root", models.Admin)
	root := site.signIn("root")
	ends := []struct {
		name string
		end  func(ada *browser, session *models.Session)
	}{
		{"sign-out", func(ada *browser, _ *models.Session) { ada.post("/logout") }},
		{"revoking", func(ada *browser, s *models.Session) { ada.post("/sessions/" + s.ID + "/end") }},
		{"an administrator", func(_ *browser, s *models.Session) {
			root.post("/admin/sessions/" + s.ID + "/end").leadsTo("/admin/sessions")
		}},
		{"a new password", func(_ *browser, s *models.Session) {
			if err := site.db.SetPassword(t.Context(), site.user("ada"), "another walk in the grass", models.CommandLine); err != nil {
				t.Error(err)
			}
		}},
		{"expiry", func(_ *browser, s *models.Session) {
			site.change(`UPDATE sessions SET expires = 1 WHERE id = '` + s.ID + `'`)
			site.change(`UPDATE session_payloads SET e = 61 WHERE k = '` + s.ID + `'`)
			if err := site.db.Sweep(t.Context()); err != nil {
				t.Error(err)
			}
		}},
		{"from elsewhere", func(_ *browser, s *models.Session) {
			if _, err := site.db.EndSessionsOf(t.Context(), &s.User, models.CommandLine); err != nil {
				t.Error(err)
			}
		}},
		{"disabling", func(_ *browser, s *models.Session) {
			if err := site.db.SetDisabled(t.Context(), &s.User, true, models.CommandLine); err != nil {
				t.Error(err)
			}
		}},
	}
	for round := range rounds {
		end := ends[round%len(ends)]
		user := site.user("ada")
		id, cookie := site.session(user) // without the form: the password's hash is not what is raced
		ada := site.withCookie(cookie)
		session, err := site.db.Session(t.Context(), id)
		must(t, err)

		var flight sync.WaitGroup
		for i := range 6 {
			flight.Go(func() { ada.get("/dashboard") })
			flight.Go(func() { site.db.SetValue(t.Context(), session, fmt.Sprint(i), "value") })
			flight.Go(func() { site.db.Mark(&models.Session{ID: id}) })
		}
		flight.Go(func() { site.session(user) })
		end.end(ada, session)
		ada.get("/dashboard").isTurnedAway() // from now on, whatever is still in flight
		flight.Wait()
		ada.get("/dashboard").isTurnedAway()
		if end.name == "disabling" {
			must(t, site.db.SetDisabled(t.Context(), user, false, models.CommandLine))
			ada.get("/dashboard").isTurnedAway()
		}
		if alive := site.count(`SELECT (SELECT COUNT(*) FROM sessions WHERE id = '` + id + `') + (SELECT COUNT(*) FROM session_payloads WHERE k = '` + id + `') + (SELECT COUNT(*) FROM session_values WHERE session_id = '` + id + `')`); alive != 0 {
			t.Fatalf("round %d, %s: %d rows of the session live", round, end.name, alive)
		}
	}
	t.Logf("%d rounds, no session revived", rounds)
}

// session makes a session as a sign-in does, and returns its ID in the
// database and its cookie.
func (s *testSite) session(user *models.User) (id, cookie string) {
	secret := rand.Text() + rand.Text()
	sum := sha256.Sum256([]byte(secret))
	id = base32.StdEncoding.EncodeToString(sum[:20])[:26]
	mac := hmac.New(sha256.New, []byte(secretA))
	mac.Write([]byte(secret))
	var payload bytes.Buffer
	gob.NewEncoder(&payload).Encode(map[string]any{"user": user.ID})
	if err := s.db.Storage().Set(id, payload.Bytes(), time.Hour); err != nil {
		s.t.Error(err)
	}
	if _, err := s.db.AddSession(s.t.Context(), models.SignIn{ID: id, User: user, Lifetime: time.Hour}); err != nil && !errors.Is(err, models.ErrRefused) {
		s.t.Error(err)
	}
	return id, "s:" + secret + "." + base64.RawStdEncoding.EncodeToString(mac.Sum(nil))
}

func TestS11ALockedDatabase(t *testing.T) {
	site := start(t)
	ada, out := site.signIn("ada"), site.signIn("ada")
	other, err := sql.Open("sqlite3", site.file+"?_txlock=immediate")
	must(t, err)
	defer other.Close()
	lock, err := other.Begin()
	must(t, err)

	var waiting sync.WaitGroup
	waiting.Go(func() { site.visitor().login("ada", password).answers(503).hasNoCookie() })
	waiting.Go(func() { out.post("/logout").answers(503).hasNoCookie() })
	for range 20 { // meanwhile people read
		ada.get("/dashboard").answers(200)
	}
	waiting.Wait() // longer than the database is waited for
	must(t, lock.Rollback())
	out.get("/dashboard").answers(200)
	out.post("/logout").leadsTo("/login?left=1")
	site.signIn("ada")
}

func TestS11ARemovedDatabase(t *testing.T) {
	folder := t.TempDir()
	p := launchWithAda(t, folder)
	site := &testSite{t: t, url: p.url, file: filepath.Join(folder, "data/daypass.db")}
	ada := site.signIn("ada")
	aside := site.file + ".aside"
	must(t, os.Rename(site.file, aside))
	ada.get("/dashboard").answers(503).says("restart").hasNoCookie()
	ada.login("ada", password).answers(503).hasNoCookie() // nobody would find it again
	ada.post("/logout").answers(503)
	must(t, os.Rename(aside, site.file))
	ada.get("/dashboard").answers(503) // who knows what was done to it meanwhile
	p.stop()

	p = launch(t, folder)
	site.url = p.url
	site.withCookie(ada.cookie()).get("/dashboard").answers(200)
	site.signIn("ada")
	p.stop()
}

// TestS11TheLogIsRemoved: what is only in it is saved, and the rest waits for a
// restart, since no other process would find what is written to it.
func TestS11TheLogIsRemoved(t *testing.T) {
	for _, parts := range [][]string{{"-wal"}, {"-shm"}, {"-wal", "-shm"}} {
		folder := t.TempDir()
		p := launchWithAda(t, folder)
		site := &testSite{t: t, url: p.url, file: filepath.Join(folder, "data/daypass.db")}
		ada := site.signIn("ada")
		for _, part := range parts {
			must(t, os.Remove(site.file+part))
		}
		site.visitor().get("/healthz").answers(503).says("restart")
		ada.get("/sessions?anew").answers(503).says("restart")
		site.visitor().login("ada", password).answers(503)
		must(t, p.process.Process.Kill())
		p.process.Wait()

		p = launch(t, folder)
		site.url = p.url
		site.visitor().get("/healthz").answers(200)
		site.withCookie(ada.cookie()).get("/dashboard").answers(200)
		p.stop()
	}
}

// TestS11TheDatabaseIsReplacedUnderLoad puts another database in the place of
// the open one, while people use the program.
func TestS11TheDatabaseIsReplacedUnderLoad(t *testing.T) {
	rounds := 3
	if testing.Short() {
		rounds = 1
	}
	for range rounds {
		folder := t.TempDir()
		file := filepath.Join(folder, "data/daypass.db")
		p := launchWithAda(t, folder)
		site := &testSite{t: t, url: p.url, file: file}
		ada := site.signIn("ada")
		other := startOn(t, filepath.Join(folder, "other/daypass.db"))
		other.add("eve", models.Admin)
		other.stop()

		stop, working := make(chan struct{}), make(chan struct{}, 1000)
		var load sync.WaitGroup
		cookie := ada.cookie()
		for worker := range 12 {
			load.Go(func() {
				client := &http.Client{Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
				defer client.CloseIdleConnections()
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					request, _ := http.NewRequest("GET", p.url+"/link?token=x", nil)
					switch {
					case worker == 0:
						request, _ = http.NewRequest("POST", p.url+"/login", strings.NewReader(url.Values{"username": {"ada"}, "password": {password}}.Encode()))
						request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
					case worker == 1:
						request, _ = http.NewRequest("GET", fmt.Sprintf("%s/sessions?%d", p.url, i), nil)
						request.Header.Set("Cookie", "daypass="+cookie)
					}
					response, err := client.Do(request)
					if err != nil {
						t.Errorf("the program does not answer: %v", err)
						return
					}
					io.Copy(io.Discard, response.Body)
					response.Body.Close()
					select {
					case working <- struct{}{}:
					default:
					}
				}
			})
		}
		for range 500 {
			<-working
		}
		before, err := os.ReadFile(other.file)
		must(t, err)
		must(t, os.Rename(other.file, file))
		site.visitor().get("/link?token=x").answers(503).says("restart")
		for range 500 {
			<-working
		}
		close(stop)
		load.Wait()
		for _, path := range []string{"/", "/login", "/healthz", "/setup", "/nothing"} {
			site.visitor().get(path).answers(503).hasNoCookie()
		}
		ada.get("/dashboard").answers(503)
		ada.post("/logout").answers(503).says("restart")
		site.visitor().login("ada", password).answers(503).hasNoCookie()
		if said := strings.Count(p.out.String(), "removed or replaced"); said != 1 {
			t.Errorf("the log says it %d times:\n%s", said, p.out)
		}
		p.stop()
		if after, err := os.ReadFile(file); err != nil || !bytes.Equal(before, after) {
			t.Errorf("something was written into the new file: %v", err)
		}

		p = launch(t, folder)
		site = &testSite{t: t, url: p.url, file: file}
		site.visitor().login("ada", password).answers(422)
		site.signIn("eve").get("/dashboard").answers(200)
		p.stop()
		if whole := site.integrity(); whole != "ok" {
			t.Errorf("the new database is %s", whole)
		}
	}
}

// TestACommandBesideAServerWhoseDatabaseWasReplaced works on the new file alone.
func TestACommandBesideAServerWhoseDatabaseWasReplaced(t *testing.T) {
	folder := t.TempDir()
	p := launchWithAda(t, folder)
	site := &testSite{t: t, url: p.url, file: filepath.Join(folder, "data/daypass.db")}
	ada := site.signIn("ada")
	other := startOn(t, filepath.Join(folder, "other/daypass.db"))
	other.add("eve", models.Admin)
	other.stop()
	must(t, os.Rename(other.file, site.file))

	status, out, errs := typed(t, "", "user", "list", "--database", site.file)
	if status != 0 || !strings.Contains(out, "eve") || strings.Contains(out, "ada") {
		t.Errorf("status %d:\n%s%s", status, out, errs)
	}
	if _, out, _ := typed(t, "", "doctor", "--database", site.file); !strings.Contains(out, "is a copy that was put in place") {
		t.Errorf("the doctor says\n%s", out)
	}
	site.visitor().get("/healthz").answers(503)
	ada.post("/logout").answers(503).says("restart")
	p.stop()

	p = launch(t, folder)
	site.url = p.url
	site.visitor().login("ada", password).answers(422)
	site.signIn("eve")
	p.stop()
	if whole := site.integrity(); whole != "ok" {
		t.Errorf("the database is %s", whole)
	}
}

// TestACopyIsWrittenOverTheOpenDatabase is what the README asks not to do.
func TestACopyIsWrittenOverTheOpenDatabase(t *testing.T) {
	folder := t.TempDir()
	p := launchWithAda(t, folder)
	site := &testSite{t: t, url: p.url, file: filepath.Join(folder, "data/daypass.db")}
	ada := site.signIn("ada")
	cookie := ada.cookie()
	saved := filepath.Join(folder, "copy.db")
	site.change(`VACUUM INTO '` + saved + `'`)
	ada.post("/logout")
	must(t, exec.Command("cp", saved, site.file).Run())
	site.visitor().get("/healthz").answers(503).says("restart")
	site.visitor().login("ada", password).answers(503)
	p.stop()
	was, err := os.ReadFile(saved)
	must(t, err)
	if now, err := os.ReadFile(site.file); err != nil || !bytes.Equal(was, now) {
		t.Errorf("something was written into the copy: %v", err)
	}

	p = launch(t, folder)
	site.url = p.url
	site.withCookie(cookie).get("/dashboard").isTurnedAway()
	site.signIn("ada")
	p.stop()
	if whole := site.integrity(); whole != "ok" {
		t.Errorf("the database is %s", whole)
	}
}

// launchWithAda runs the program on a new database, in which ada administers.
func launchWithAda(t *testing.T, folder string) *program {
	t.Helper()
	file := filepath.Join(folder, "data/daypass.db")
	if status, _, errs := typed(t, password, "user", "add", "ada", "--admin", "--database", file); status != 0 {
		t.Fatal(errs)
	}
	return launch(t, folder)
}

// TestACopyPutInPlaceRevivesNothing: what ended after the copy was made stays ended.
func TestACopyPutInPlaceRevivesNothing(t *testing.T) {
	checkpoint := func(s *testSite) { s.change(`PRAGMA wal_checkpoint(TRUNCATE)`) }
	copies := map[string]func(*testSite, string){
		"vacuumed": func(s *testSite, to string) { s.change(`VACUUM INTO '` + to + `'`) },
		"copied": func(s *testSite, to string) {
			checkpoint(s)
			must(s.t, exec.Command("cp", s.file, to).Run())
		},
		"copied before a checkpoint": func(s *testSite, to string) {
			checkpoint(s)
			must(s.t, exec.Command("cp", s.file, to).Run())
		},
	}
	ways := map[string]string{"moved": `mv "$1" "$2"`, "written over": `cp "$1" "$2"`, "in its place": `rm "$2"; cp "$1" "$2"`, "with its log removed": `rm -f "$2-wal" "$2-shm"; cp "$1" "$2"`}
	for copied, makeCopy := range copies {
		for way, put := range ways {
			for _, killed := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, %s, killed %t", copied, way, killed), func(t *testing.T) {
					t.Parallel()
					folder := t.TempDir()
					p := launchWithAda(t, folder)
					site := &testSite{t: t, url: p.url, file: filepath.Join(folder, "data/daypass.db")}
					inCopy := site.signIn("ada")
					old := []string{inCopy.cookie(), site.signIn("ada").cookie()}
					token := inCopy.newLink("bob")
					var load sync.WaitGroup
					var more []string
					load.Go(func() {
						for range 5 {
							more = append(more, site.signIn("ada").cookie())
						}
					})
					saved := filepath.Join(folder, "copy.db")
					makeCopy(site, saved)
					load.Wait()
					inCopy.post("/logout").leadsTo("/login?left=1")
					site.visitor().post("/link", "token", token, "password", "another walk in the grass").leadsTo("/dashboard")
					if status, _, errs := typed(t, "", "session", "end", "--all", "--database", site.file); status != 0 {
						t.Fatal(errs)
					}
					if copied == "copied before a checkpoint" {
						checkpoint(site)
					}
					// What is written over together with its log may be all that there was: nothing is lost then.
					whole := copied == "copied" && killed && (way == "written over" || way == "in its place")
					if fresh := site.signIn("ada").cookie(); !whole {
						old = append(old, fresh) // not in the copy
					}
					if killed {
						must(t, p.process.Process.Kill())
						p.process.Wait()
					} else {
						p.stop()
					}
					must(t, exec.Command("sh", "-c", put, "sh", saved, site.file).Run())
					// A command that writes does not make it look like the present one.
					for range 5 {
						for _, act := range []string{"disable", "enable"} {
							if status, _, errs := typed(t, "", "user", act, "bob", "--database", site.file); status != 0 {
								t.Fatal(errs)
							}
						}
					}

					p = launch(t, folder)
					site.url = p.url
					for _, cookie := range append(old, more...) {
						site.withCookie(cookie).get("/dashboard").isTurnedAway()
					}
					site.visitor().get("/link?token=" + token).answers(404)
					ada := site.signIn("ada")
					if !whole {
						if !strings.Contains(p.out.String(), "copy that was put in place") {
							t.Errorf("the log does not say it:\n%s", p.out)
						}
						ada.get("/admin/activity").says("All sessions ended").says("restored copy")
					}
					if whole := site.integrity(); whole != "ok" {
						t.Errorf("the database is %s", whole)
					}

					// From here on it is the present one.
					p.stop()
					p = launch(t, folder)
					site.url = p.url
					site.withCookie(ada.cookie()).get("/dashboard").answers(200)
					must(t, p.process.Process.Kill())
					p.process.Wait()
					p = launch(t, folder)
					site.url = p.url
					site.withCookie(ada.cookie()).get("/dashboard").answers(200)
					p.stop()
				})
			}
		}
	}
}

// newLink invites somebody and returns the token of the link.
func (b *browser) newLink(name string) string {
	b.t.Helper()
	page := b.post("/admin/users/new", "username", name, "full_name", "", "role", "member")
	if to := page.http.Header.Get("Location"); to != "" {
		page = b.get(to)
	}
	token := regexp.MustCompile(`/link\?token=(\w+)`).FindStringSubmatch(page.body)
	if token == nil {
		b.t.Fatalf("no link:\n%s", page.body)
	}
	return token[1]
}

func (s *testSite) integrity() (whole string) {
	s.t.Helper()
	db, err := sql.Open("sqlite3", s.file)
	must(s.t, err)
	defer db.Close()
	must(s.t, db.QueryRow(`PRAGMA integrity_check`).Scan(&whole))
	return whole
}

// mount makes a small disk of a folder, where that is permitted.
func mount(t *testing.T, folder, options string) {
	t.Helper()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", options, "tmpfs", folder).CombinedOutput(); err != nil {
		missing := fmt.Sprintf("this test needs a small disk; run it as root: %v %s", err, out)
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	t.Cleanup(func() { exec.Command("umount", "-l", folder).Run() })
}

func TestS11AFullDisk(t *testing.T) {
	disk := t.TempDir()
	mount(t, disk, "size=2m")
	site := startOn(t, filepath.Join(disk, "daypass.db"))
	site.add("ada", models.Admin)
	ada := site.signIn("ada")
	rest := filepath.Join(disk, "rest")
	file, err := os.Create(rest)
	must(t, err)
	io.Copy(file, zeros{}) // until it is full
	file.Close()

	var kept []string
	refused := 0
	for range 200 { // what fits is kept, what does not is not promised
		b := site.visitor()
		answer := b.login("ada", password)
		if answer.http.StatusCode == 503 {
			answer.hasNoCookie()
			if refused++; refused == 3 {
				break
			}
			continue
		}
		answer.leadsTo("/dashboard")
		kept = append(kept, b.cookie())
	}
	if refused == 0 {
		t.Fatal("the disk did not fill up")
	}
	ada.get("/dashboard").answers(200)
	must(t, os.Remove(rest))
	site.signIn("ada")
	for _, cookie := range kept {
		site.withCookie(cookie).get("/dashboard").answers(200)
	}
	if whole := site.integrity(); whole != "ok" {
		t.Errorf("the database is %s", whole)
	}
}

func TestS11GuessesOnAFullDiskAreCounted(t *testing.T) {
	disk := t.TempDir()
	mount(t, disk, "size=2m")
	site := startOn(t, filepath.Join(disk, "daypass.db"))
	site.add("ada", models.Admin)
	rest := filepath.Join(disk, "rest")
	fill := func() {
		file, err := os.OpenFile(rest, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		must(t, err)
		io.Copy(file, zeros{})
		file.Close()
	}
	fill()
	for range 200 {
		if site.visitor().login("ada", password).http.StatusCode == 503 {
			break
		}
	}
	fill()
	for range 100 { // the right one among them opens nothing
		site.visitor().login("ada", "not the password").answers(503)
		site.visitor().login("ada", password).answers(503).hasNoCookie()
	}
	must(t, os.Remove(rest))
	for range 4 { // one of five was looked at
		site.visitor().login("ada", "not the password").answers(422)
	}
	site.visitor().login("ada", password).answers(429)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestS11AReadOnlyDatabase makes the whole disk read-only, as a kernel does
// that has seen it fail.
func TestS11AReadOnlyDatabase(t *testing.T) {
	disk := t.TempDir()
	mount(t, disk, "size=8m")
	file := filepath.Join(disk, "daypass.db")
	site := startOn(t, file)
	site.add("ada", models.Admin)
	site.stop()
	must(t, exec.Command("mount", "-o", "remount,ro", disk).Run())
	status, _, errs := typed(t, "", "--listen", "127.0.0.1:0", "--database", file)
	if status != 1 || !strings.Contains(errs, "read-only file system") || strings.Count(errs, "\n") != 1 {
		t.Errorf("status %d: %s", status, errs)
	}
}

// TestS11KilledAgainAndAgain kills the program in the middle of a load of
// sign-ins and sign-outs. What was answered holds afterwards.
func TestS11KilledAgainAndAgain(t *testing.T) {
	rounds := 5
	if testing.Short() {
		rounds = 1
	}
	folder := t.TempDir()
	must(t, os.Mkdir(filepath.Join(folder, "data"), 0o700))
	db, err := models.Open(t.Context(), filepath.Join(folder, "data/daypass.db"))
	must(t, err)
	_, err = db.AddUser(t.Context(), models.NewUser{Name: "ada", Password: password, Role: models.Admin}, models.CommandLine)
	must(t, err)
	must(t, db.Close())

	var mutex sync.Mutex
	in, out := map[string]bool{}, map[string]bool{} // cookies that were given, and those whose end was answered
	for range rounds {
		p := launch(t, folder)
		var load sync.WaitGroup
		stop := make(chan struct{})
		for worker := range 4 {
			load.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Timeout: 10 * time.Second}
					response, err := client.PostForm(p.url+"/login", url.Values{"username": {"ada"}, "password": {password}})
					if err != nil {
						continue // killed in the middle: nothing was promised
					}
					response.Body.Close()
					if response.StatusCode != 303 {
						t.Errorf("a sign-in answered %d", response.StatusCode)
						return
					}
					cookie := response.Cookies()[0].Value
					mutex.Lock()
					in[cookie] = true
					mutex.Unlock()
					if (i+worker)%2 == 0 {
						continue
					}
					request, _ := http.NewRequest("POST", p.url+"/logout", nil)
					request.Header.Set("Cookie", "daypass="+cookie)
					mutex.Lock()
					delete(in, cookie) // from here on it may be either
					mutex.Unlock()
					if response, err = client.Do(request); err == nil {
						response.Body.Close()
						mutex.Lock()
						out[cookie] = true
						mutex.Unlock()
					}
				}
			})
		}
		answered := func() int {
			mutex.Lock()
			defer mutex.Unlock()
			return len(in) + len(out)
		}
		for before, since := answered(), time.Now(); answered() < before+12 && time.Since(since) < time.Minute; {
			time.Sleep(time.Millisecond)
		}
		must(t, p.process.Process.Kill())
		close(stop)
		load.Wait()
		p.process.Wait()
	}
	p := launch(t, folder)
	site := &testSite{t: t, url: p.url, file: filepath.Join(folder, "data/daypass.db")}
	for cookie := range in {
		site.withCookie(cookie).get("/dashboard").answers(200)
	}
	for cookie := range out {
		site.withCookie(cookie).get("/dashboard").isTurnedAway()
	}
	if len(in) < rounds || len(out) < rounds {
		t.Errorf("only %d sign-ins and %d sign-outs were tried", len(in), len(out))
	}
	if whole := site.integrity(); whole != "ok" {
		t.Errorf("the database is %s", whole)
	}
	p.stop()
	t.Logf("killed %d times: %d sign-ins and %d sign-outs hold", rounds, len(in), len(out))
}

func TestEndingUnderLoad(t *testing.T) {
	folder := t.TempDir()
	must(t, os.Mkdir(filepath.Join(folder, "data"), 0o700))
	db, err := models.Open(t.Context(), filepath.Join(folder, "data/daypass.db"))
	must(t, err)
	_, err = db.AddUser(t.Context(), models.NewUser{Name: "ada", Password: password, Role: models.Admin}, models.CommandLine)
	must(t, err)
	must(t, db.Close())
	p := launch(t, folder)
	began, began2 := make(chan struct{}, 64), time.Now()
	var answered, broken atomic.Int32
	var load sync.WaitGroup
	for range 16 {
		load.Go(func() {
			connection, err := net.Dial("tcp", strings.Replace(strings.TrimPrefix(p.url, "http://"), "localhost", "127.0.0.1", 1))
			if err != nil {
				t.Error(err)
				return
			}
			defer connection.Close()
			form := url.Values{"username": {"ada"}, "password": {password}}.Encode()
			fmt.Fprintf(connection, "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", len(form))
			connection.SetReadDeadline(time.Now().Add(time.Minute))
			goOn := make([]byte, len("HTTP/1.1 100 Continue\r\n\r\n"))
			if _, err := io.ReadFull(connection, goOn); err != nil || !strings.HasPrefix(string(goOn), "HTTP/1.1 100") {
				t.Errorf("%q, %v", goOn, err)
			}
			began <- struct{}{} // the server has it, and waits for the rest
			fmt.Fprint(connection, form)
			head := make([]byte, len("HTTP/1.1 303"))
			if _, err := io.ReadFull(connection, head); err == nil && strings.HasSuffix(string(head), "303") {
				answered.Add(1)
			} else {
				broken.Add(1)
			}
		})
	}
	for range 16 {
		<-began
	}
	p.stop()
	load.Wait()
	if broken.Load() > 0 || answered.Load() != 16 {
		t.Errorf("%d requests were answered, %d were not", answered.Load(), broken.Load())
	}
	if _, err := http.Get(p.url + "/healthz"); err == nil {
		t.Error("it still answers")
	}
	if took := time.Since(began2); took > 25*time.Second {
		t.Errorf("it took %s to end", took)
	}
}

// TestManyConnectionsShutNobodyOut: a program that may open 300 files gets 2,000
// connections, some of which begin a request. Who is signed in still gets through.
func TestManyConnectionsShutNobodyOut(t *testing.T) {
	if openFiles(3000) < 3000 {
		t.Skip("too few files may be open here")
	}
	folder := t.TempDir()
	limited := filepath.Join(folder, "limited")
	must(t, os.WriteFile(limited, []byte("#!/bin/sh\nulimit -n 300\nexec '"+os.Args[0]+"' \"$@\"\n"), 0o700))
	p := launchProgram(t, limited, folder)
	token := regexp.MustCompile(`token=(\w+)`).FindStringSubmatch(p.out.String())[1]
	site := &testSite{t: t, url: strings.Replace(p.url, "localhost", "127.0.0.1", 1)}
	ada := site.visitor()
	ada.client.Transport = &http.Transport{DisableKeepAlives: true}
	ada.post("/setup", "token", token, "username", "ada", "full_name", "", "password", password).leadsTo("/dashboard")
	stream, err := ada.client.Get(site.url + "/session/watch")
	must(t, err)
	defer stream.Body.Close()

	flood := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 3)}, Timeout: 30 * time.Second}
	var connections []net.Conn
	ada.client.Timeout = 30 * time.Second // slow, and not for ever
	for i := range 2000 {
		connection, err := flood.Dial("tcp", strings.TrimPrefix(site.url, "http://"))
		if err != nil {
			t.Fatalf("after %d connections: %v\n%s", i, err, p.out)
		}
		connections = append(connections, connection)
		if i%3 == 0 {
			fmt.Fprint(connection, "GET /login HTTP/1.1\r\nX-Unfinished: ")
		}
		if i%250 == 249 {
			ada.get("/dashboard").answers(200)
		}
	}
	for range 5 {
		ada.get("/sessions").answers(200)
	}
	for _, connection := range connections {
		connection.Close()
	}
	ada.get("/dashboard").answers(200)
	if lines := strings.Count(p.out.String(), "level=WARN"); lines == 0 || lines > 3 {
		t.Errorf("%d warnings:\n%s", lines, p.out)
	}
	ada.client.Timeout = 0
	ada.post("/logout").leadsTo("/login?left=1")
	if rest, err := io.ReadAll(stream.Body); err != nil || !strings.Contains(string(rest), "event: ended") {
		t.Errorf("the open page heard %q, %v", rest, err)
	}
	p.stop()
}

// TestASignalRightAfterTheStartEndsTheServer, also when it comes before the
// server has begun to accept.
func TestASignalRightAfterTheStartEndsTheServer(t *testing.T) {
	db, err := models.Open(t.Context(), filepath.Join(t.TempDir(), "daypass.db"))
	must(t, err)
	defer db.Close()
	for i := range 300 {
		site, err := handlers.New(db, handlers.Config{URL: &url.URL{Scheme: "http", Host: "localhost"}, Secrets: []string{secretA}, Lifetime: time.Hour, Log: db.Log})
		must(t, err)
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Duration(i%60)*10*time.Microsecond, cancel)
		served := make(chan error, 1)
		go func() { served <- site.Serve(ctx, listener) }()
		select {
		case err := <-served:
			if err != nil {
				t.Fatalf("try %d: %v", i, err)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("try %d: it serves for ever", i)
		}
	}
}

// TestASecondCtrlCEndsTheProgramAtOnce, although a request is under way for which
// the first one waits.
func TestASecondCtrlCEndsTheProgramAtOnce(t *testing.T) {
	p := launch(t, t.TempDir())
	address := strings.Replace(strings.TrimPrefix(p.url, "http://"), "localhost", "127.0.0.1", 1)
	slow, err := net.Dial("tcp", address)
	must(t, err)
	defer slow.Close()
	fmt.Fprint(slow, "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n")
	if line, err := bufio.NewReader(slow).ReadString('\n'); err != nil || !strings.Contains(line, "100") {
		t.Fatalf("%q, %v", line, err)
	}
	must(t, p.process.Process.Signal(os.Interrupt))
	until(t, "it accepts nobody any more", func() bool {
		connection, err := net.Dial("tcp", address)
		if err == nil {
			connection.Close()
		}
		return err != nil
	})
	must(t, p.process.Process.Signal(os.Interrupt))
	var ended *exec.ExitError
	if err := p.process.Wait(); !errors.As(err, &ended) || ended.Sys().(syscall.WaitStatus).Signal() != syscall.SIGINT {
		t.Errorf("it ended by itself: %v", err)
	}
}

// proxies are real ones, as people run them, with TLS in front.
var proxies = map[string]struct {
	program string
	file    string
	config  string // of address, certificate, key, the site's address, a folder
	args    []string
}{
	"nginx": {"nginx", "nginx.conf", `
		master_process off; daemon off; pid %[5]s/pid; error_log stderr;
		events {}
		http {
			access_log off;
			client_body_temp_path %[5]s/a; proxy_temp_path %[5]s/b; fastcgi_temp_path %[5]s/c; uwsgi_temp_path %[5]s/d; scgi_temp_path %[5]s/e;
			server {
				listen %[1]s ssl;
				ssl_certificate %[2]s; ssl_certificate_key %[3]s;
				location / {
					proxy_pass http://%[4]s;
					proxy_set_header Host $host;
					proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
					proxy_set_header X-Forwarded-Proto $scheme;
				}
			}
		}`, []string{"-c"}},
	"caddy": {"caddy", "Caddyfile", `
		{
			admin off
			auto_https off
			storage file_system %[5]s
		}
		https://%[1]s {
			tls %[2]s %[3]s
			reverse_proxy %[4]s
		}`, []string{"run", "--adapter", "caddyfile", "--config"}},
	"haproxy": {"haproxy", "haproxy.cfg", `
		global
			log stderr format raw local0
		defaults
			mode http
			timeout connect 5s
			timeout client 60s
			timeout server 60s
		frontend public
			bind %[1]s ssl crt %[2]s
			option forwardfor
			http-request set-header X-Forwarded-Proto https
			default_backend daypass
		backend daypass
			server daypass %[4]s`, []string{"-db", "-f"}},
}

func TestBehindARealProxy(t *testing.T) {
	certificate, key := selfSigned(t)
	for name, proxy := range proxies {
		t.Run(name, func(t *testing.T) {
			path, err := exec.LookPath(proxy.program)
			if err != nil {
				missing := "this test needs " + name + "; install it, such as with: apt-get install " + name
				if os.Getenv("CI") == "true" {
					t.Fatal(missing)
				}
				t.Skip(missing)
			}
			front := freeAddress(t)
			public := &url.URL{Scheme: "https", Host: front}
			trusting := start(t, func(c *handlers.Config) { c.URL, c.TrustedProxies = public, prefixes(t, "127.0.0.1/32") })
			folder := t.TempDir()
			config := filepath.Join(folder, proxy.file)
			must(t, os.WriteFile(config, fmt.Appendf(nil, proxy.config+"\n", front, certificate, key, strings.TrimPrefix(trusting.url, "http://"), folder), 0o600))
			process := exec.Command(path, append(proxy.args, config)...)
			process.Env = append(os.Environ(), "HOME="+folder)
			var said lockedBuffer
			process.Stdout, process.Stderr = &said, &said
			must(t, process.Start())
			t.Cleanup(func() { process.Process.Kill(); process.Wait() })

			ada := (&testSite{t: t, url: public.String(), db: trusting.db}).visitor()
			from := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)} // so that the client is not the proxy
			ada.client.Transport = &http.Transport{
				TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
				DialContext:     (&net.Dialer{LocalAddr: from}).DialContext,
			}
			for tries := 0; ; tries++ {
				if connection, err := net.Dial("tcp", front); err == nil {
					connection.Close()
					break
				}
				if tries == 500 {
					t.Fatalf("%s does not start:\n%s", name, &said)
				}
				time.Sleep(20 * time.Millisecond)
			}
			ada.header.Set("X-Forwarded-For", "203.0.113.9") // a claim of its own
			ada.header.Set("X-Forwarded-Proto", "http")
			ada.header.Set("Origin", public.String())
			page := ada.get("/login").answers(200)
			if strings.Contains(page.body, "misconfigured") {
				t.Errorf("the sign-in complains: %s\n%s", page.body, &said)
			}
			answer := ada.login("ada", password).leadsTo("/dashboard")
			if cookie := answer.http.Header.Get("Set-Cookie"); !strings.HasPrefix(cookie, "__Host-daypass=") || !strings.Contains(cookie, "secure") {
				t.Errorf("the cookie is %s", cookie)
			}
			if answer.http.Header.Get("Strict-Transport-Security") == "" {
				t.Error("no HSTS")
			}
			ada.get("/dashboard").answers(200).says("127.0.0.2")

			// Nor does the request line choose the name.
			absolute, err := tls.Dial("tcp", front, &tls.Config{InsecureSkipVerify: true})
			must(t, err)
			fmt.Fprintf(absolute, "GET https://%s/login HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", front)
			if said, err := io.ReadAll(absolute); err != nil || strings.Contains(string(said), "another name") {
				t.Errorf("an absolute request line: %v\n%s", err, said)
			}

			// An open page hears through the proxy that its session has ended.
			watch, err := http.NewRequest("GET", public.String()+"/session/watch", nil)
			must(t, err)
			stream, err := ada.client.Do(watch)
			must(t, err)
			defer stream.Body.Close()
			events := bufio.NewReader(stream.Body)
			if line, err := events.ReadString('\n'); err != nil || line != "retry: 1000\n" {
				t.Fatalf("the stream begins with %q, %v", line, err)
			}
			sessions, err := trusting.db.Sessions(t.Context(), "", 10)
			must(t, err)
			if sessions[0].Address != "127.0.0.2" || !strings.Contains(trusting.log.String(), "address=127.0.0.2") {
				t.Errorf("the address is %s", sessions[0].Address)
			}
			ada.post("/logout").leadsTo("/login?left=1")
			ada.get("/dashboard").isTurnedAway()
			if rest, err := io.ReadAll(events); err != nil || !strings.Contains(string(rest), "event: ended") {
				t.Errorf("the stream ends with %q, %v", rest, err)
			}
		})
	}
}

// freeAddress is one on which nothing listens at the moment.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

// selfSigned makes a certificate for this machine.
func selfSigned(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	must(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	certificate, key = filepath.Join(t.TempDir(), "certificate.pem"), filepath.Join(t.TempDir(), "key.pem")
	must(t, os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}), 0o600))
	must(t, os.WriteFile(certificate+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}), 0o600)) // where HAProxy looks for it
	must(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}), 0o600))
	return certificate, key
}

func TestTheSignInSaysWhatIsMisconfigured(t *testing.T) {
	https := func(c *handlers.Config) { c.URL = &url.URL{Scheme: "https", Host: "dash.example.org"} }
	trusting := func(c *handlers.Config) { https(c); c.TrustedProxies = prefixes(t, "127.0.0.0/8") }
	for _, test := range []struct {
		what   string
		site   func(*handlers.Config)
		host   string
		header http.Header
		says   string
	}{
		{"as it should be", func(*handlers.Config) {}, "", nil, ""},
		{"this machine by another name", func(*handlers.Config) {}, "localhost", nil, ""},
		{"another name", func(*handlers.Config) {}, "other.example.org", nil, "You came by another name"},
		{"unencrypted", https, "dash.example.org", nil, "You came unencrypted"},
		{"a proxy that is not trusted", https, "dash.example.org", http.Header{"X-Forwarded-Proto": {"https"}}, "does not trust"},
		{"a proxy that is not trusted, under http", func(*handlers.Config) {}, "", http.Header{"X-Forwarded-For": {"203.0.113.9"}}, "does not trust"},
		{"a trusted proxy", trusting, "dash.example.org", http.Header{"X-Forwarded-Proto": {"https"}}, ""},
		{"a trusted proxy that says little", trusting, "dash.example.org", nil, ""},
		{"a trusted proxy, unencrypted before it", trusting, "dash.example.org", http.Header{"X-Forwarded-Proto": {"http"}}, "You came unencrypted"},
		{"a trusted proxy that hides the name", trusting, "127.0.0.1:3000", http.Header{"X-Forwarded-Proto": {"https"}}, "You came by another name"},
		{"a proxy that says nothing, and a browser on https", https, "dash.example.org", http.Header{"Sec-Fetch-Site": {"none"}}, ""},
	} {
		t.Run(test.what, func(t *testing.T) {
			site := start(t, test.site)
			request, err := http.NewRequest("GET", site.url+"/login", nil)
			must(t, err)
			if test.header != nil {
				request.Header = test.header
			}
			if test.host != "" {
				request.Host = test.host
			}
			response, err := site.visitor().client.Do(request)
			must(t, err)
			defer response.Body.Close()
			page, err := io.ReadAll(response.Body)
			must(t, err)
			if said := strings.Contains(string(page), `id="misconfigured"`); said != (test.says != "") || !strings.Contains(string(page), test.says) {
				t.Errorf("the page does not say %q:\n%s", test.says, page)
			}
		})
	}
}

func TestASlowRequestIsCutOff(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes as long as the server is patient")
	}
	t.Parallel()
	site := start(t)
	connection, err := net.Dial("tcp", strings.TrimPrefix(site.url, "http://"))
	must(t, err)
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

func TestHeadIsGetWithoutBody(t *testing.T) {
	site := start(t)
	ada := site.signIn("ada")
	for _, path := range []string{"/dashboard", "/login", "/nothing", "/healthz"} {
		get, head := ada.get(path), ada.do("HEAD", path, nil)
		if head.http.StatusCode != get.http.StatusCode || head.body != "" || head.http.Header.Get("Content-Type") != get.http.Header.Get("Content-Type") {
			t.Errorf("HEAD %s answers %d %q %q, GET %d", path, head.http.StatusCode, head.http.Header.Get("Content-Type"), head.body, get.http.StatusCode)
		}
	}
	for path, allow := range map[string]string{"/login": "GET, HEAD, POST", "/logout": "POST", "/dashboard": "GET, HEAD"} {
		for _, method := range []string{"DELETE", "BREW"} {
			if got := ada.do(method, path, nil).answers(405).http.Header.Get("Allow"); got != allow {
				t.Errorf("%s %s allows %q, not %q", method, path, got, allow)
			}
		}
	}
}

// TestTheAddressOfAFormLeadsToItsPage: people load it again, or find it in their
// history.
func TestTheAddressOfAFormLeadsToItsPage(t *testing.T) {
	site := start(t)
	ada := site.signIn("ada")
	for path, page := range map[string]string{
		"/logout": "/", "/account/name": "/account", "/account/password": "/account", "/sessions/end": "/sessions", "/sessions/x/end": "/sessions",
		"/admin/users/x/disable": "/admin/users/x", "/admin/sessions/end": "/admin/sessions", "/admin/sessions/x/end": "/admin/sessions",
	} {
		ada.get(path).leadsTo(page)
		ada.do("HEAD", path, nil).leadsTo(page)
		next := "/login?next=" + url.QueryEscape(page)
		if page == "/" {
			next = "/login"
		}
		site.visitor().get(path).leadsTo(next)
		site.visitor().post(path).leadsTo(next)
	}
	ada.get("/account/nothing").answers(404)
	ada.post("/dashboard").answers(405)
}

func TestTheDoctor(t *testing.T) {
	site := start(t)
	ada := site.signIn("ada")
	secret := filepath.Join(filepath.Dir(site.file), "secret")
	must(t, os.WriteFile(secret, []byte(secretA+"\n"), 0o600))
	examine := func(args ...string) (status int, out string) {
		t.Helper()
		status, out, errs := typed(t, "", append([]string{"doctor", "--database", site.file, "--url", site.url}, args...)...)
		for _, known := range []string{secretA, secretB} {
			if strings.Contains(out+errs, known) {
				t.Error("the doctor tells a secret")
			}
		}
		return status, out + errs
	}
	status, out := examine()
	if status != 0 || !strings.Contains(out, "signs 1 live sessions, and all new ones") {
		t.Fatalf("status %d:\n%s", status, out)
	}
	for _, line := range []string{"database", "durability", "disk space", "permissions", "clock", "secret " + session.Fingerprint(secretA), "secret file", "public URL", "proxies", "site", "users"} {
		if !regexp.MustCompile(`(?m)^ok +` + line).MatchString(out) {
			t.Errorf("no line about %s:\n%s", line, out)
		}
	}
	var findings []models.Finding
	status, out = examine("--json")
	if err := json.Unmarshal([]byte(out), &findings); err != nil || status != 0 || len(findings) < 10 {
		t.Errorf("status %d, %v: %s", status, err, out)
	}

	// Rotation: the old secret goes when nothing is signed by it any more.
	must(t, os.WriteFile(secret, []byte(secretB+"\n"+secretA+"\n"), 0o600))
	if _, out := examine(); !strings.Contains(out, "secret "+session.Fingerprint(secretA)+"   signs 1 live sessions") {
		t.Errorf("the old secret:\n%s", out)
	}
	ada.post("/logout")
	if _, out := examine(); !strings.Contains(out, "it may go") {
		t.Errorf("the old secret is not said to be free:\n%s", out)
	}
	site.signIn("ada")
	must(t, os.WriteFile(secret, []byte(secretB+"\n"), 0o600))
	if _, out := examine(); !regexp.MustCompile(`warning +secret ` + session.Fingerprint(secretA)).MatchString(out) {
		t.Errorf("a secret that is missing:\n%s", out)
	}

	for _, test := range []struct {
		spoil  func()
		args   []string
		status int
		says   string
	}{
		{func() { os.Chmod(secret, 0o644) }, nil, 1, `wrong +secret file`},
		{func() { os.Chmod(secret, 0o600); os.Chmod(site.file, 0o640) }, nil, 0, `warning +permissions`},
		{func() { os.Chmod(site.file, 0o600) }, []string{"--trusted-proxy", "0.0.0.0/0"}, 1, `wrong +proxies`},
		{func() {}, []string{"--url", "http://dash.example.org"}, 0, `warning +public URL`},
		{func() {}, []string{"--url", "https://localhost:1", "--listen", "0.0.0.0:3000"}, 0, `warning +public URL`},
		{func() {}, []string{"--url", strings.Replace(site.url, "127.0.0.1", "localhost", 1)}, 0, `ok +site`},
		{func() { os.WriteFile(secret, []byte("keyboard cat"), 0o600) }, nil, 1, `damaged`},
		{func() { os.WriteFile(secret, []byte(secretA), 0o600); t.Setenv("DAYPASS_LISTNE", "x") }, nil, 1, `wrong +variables`},
		{func() { os.Unsetenv("DAYPASS_LISTNE"); site.later(-time.Hour) }, nil, 0, `ok +clock`},
		{func() { site.change(`UPDATE events SET at = at + 100000`) }, nil, 1, `wrong +clock`},
		{func() { site.change(`UPDATE events SET at = 0`); site.change(`UPDATE users SET disabled = TRUE`) }, nil, 0, `warning +users`},
	} {
		test.spoil()
		if status, out := examine(test.args...); status != test.status || !regexp.MustCompile(test.says).MatchString(out) {
			t.Errorf("%q: status %d:\n%s", test.says, status, out)
		}
	}
}

// TestTheDoctorOfANewInstallation finds nothing to do, before the first start and
// after it.
func TestTheDoctorOfANewInstallation(t *testing.T) {
	checkout := t.TempDir()
	must(t, os.Mkdir(filepath.Join(checkout, "data"), 0o755)) // as git makes it
	must(t, os.WriteFile(filepath.Join(checkout, "data/.gitignore"), nil, 0o644))
	for _, folder := range []string{checkout, t.TempDir()} {
		address := freeAddress(t)
		examine := func() {
			t.Helper()
			status, out, errs := typed(t, "", "doctor", "--database", filepath.Join(folder, "data/daypass.db"), "--listen", address)
			if status != 0 || errs != "" || regexp.MustCompile(`(?m)^(warning|wrong)`).MatchString(out) || !regexp.MustCompile(`(?m)^ok +database`).MatchString(out) {
				t.Errorf("status %d:\n%s%s", status, out, errs)
			}
		}
		examine()
		if _, err := os.Stat(filepath.Join(folder, "data/daypass.db")); err == nil {
			t.Error("the doctor made a database")
		}
		p := launch(t, folder, "--listen", address)
		examine()
		p.stop()
		examine()
	}
}

// TestAFolderOfSomebodyElse, such as the volume of a container, can be used. The
// doctor says who else may write there.
func TestAFolderOfSomebodyElse(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	folder := t.TempDir()
	path := filepath.Join(t.TempDir(), "daypass")
	must(t, exec.Command("cp", os.Args[0], path).Run())
	for _, name := range []string{filepath.Dir(filepath.Dir(path)), filepath.Dir(path)} {
		must(t, os.Chmod(name, 0o755))
	}
	volume := filepath.Join(folder, "data")
	must(t, os.Mkdir(volume, 0o777))
	must(t, os.Chmod(volume, 0o777))
	nobody := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	doctor := func() string {
		t.Helper()
		command := exec.Command(path, "doctor", "--listen", freeAddress(t))
		command.Dir, command.Env, command.SysProcAttr = folder, append(os.Environ(), "BE_THE_PROGRAM=1"), nobody
		out, err := command.CombinedOutput()
		if err != nil {
			t.Errorf("%v:\n%s", err, out)
		}
		return string(out)
	}
	if out := doctor(); !strings.Contains(out, "may be written by others (777)") {
		t.Error(out)
	}
	p := launchAs(t, nobody, path, folder)
	(&testSite{t: t, url: p.url}).visitor().get("/healthz").answers(200)
	p.stop()
	if info, err := os.Stat(volume); err != nil || info.Mode().Perm() != 0o777 {
		t.Errorf("the folder's mode became %o, %v", info.Mode().Perm(), err)
	}
	must(t, os.Chmod(volume, 0o777|os.ModeSticky)) // nobody else may replace the files, but its owner may
	if out := doctor(); !strings.Contains(out, "belongs to another user") {
		t.Error(out)
	}
}

// TestTheLogTellsNoSecret looks through all that a busy site logs, in both
// forms, for what must not be there.
func TestTheLogTellsNoSecret(t *testing.T) {
	for _, form := range []string{"text", "json"} {
		folder := t.TempDir()
		p := launch(t, folder, "--log", form)
		site := &testSite{t: t, url: p.url}
		token := regexp.MustCompile(`token=(\w+)`).FindStringSubmatch(p.out.String())[1]
		ada := site.visitor()
		ada.header.Set("User-Agent", "evil\tFirefox/1.0")
		ada.post("/setup", "token", token, "username", "ada", "full_name", "Ada", "password", password).leadsTo("/dashboard")
		cookie := ada.cookie()
		ada.login("ada", "a wrong password that is secret").answers(422)
		ada.login("a password typed as a name", "x").answers(422)
		ada.login("ada\nlevel=ERROR msg=forged", "x").answers(422)
		ada.get("/nothing?token=" + token).answers(404)
		ada.header.Set("Sec-Fetch-Site", "cross-site")
		ada.header.Set("Origin", "https://evil.example/\tforged")
		ada.post("/logout").answers(403)
		ada.header.Del("Sec-Fetch-Site")
		ada.header.Del("Origin")
		ada.post("/account/password", "current", password, "password", "another walk in the grass").leadsTo("/account")
		renewed := ada.cookie()
		ada.post("/logout").leadsTo("/login?left=1")
		p.stop()

		_, log, _ := strings.Cut(p.out.String(), "/setup?token="+token)
		for _, secret := range []string{token, cookie, renewed, strings.Split(cookie[2:], ".")[0], strings.Split(renewed[2:], ".")[0], password,
			"a wrong password that is secret", "a password typed as a name", "another walk in the grass", "forged\n"} {
			if strings.Contains(log, secret) {
				t.Errorf("the log tells %q:\n%s", secret, log)
			}
		}
		lines := strings.Split(strings.TrimSpace(log), "\n")
		for _, line := range lines {
			if form == "json" && !json.Valid([]byte(line)) || form == "text" && !strings.HasPrefix(line, "time=") {
				t.Errorf("not a line of the log: %q", line)
			}
		}
		for _, event := range []string{"user added", "sign-in", "failed sign-in", "password change", "sign-out", "another site refused"} {
			if !strings.Contains(log, event) {
				t.Errorf("the log has no line of %q:\n%s", event, log)
			}
		}
	}
}

// TestAStrangerCannotFillTheLog sends what is refused, again and again, with as
// much in it as a request may have.
func TestAStrangerCannotFillTheLog(t *testing.T) {
	folder := t.TempDir()
	p := launch(t, folder)
	site := &testSite{t: t, url: p.url}
	token := regexp.MustCompile(`token=(\w+)`).FindStringSubmatch(p.out.String())[1]
	site.visitor().post("/setup", "token", token, "username", "ada", "password", password).leadsTo("/dashboard")
	began := len(p.out.String())
	stranger := site.visitor()
	stranger.header.Set("Sec-Fetch-Site", "cross-site")
	stranger.header.Set("Origin", "https://"+strings.Repeat("x", 8000)+".example")
	for range 110 {
		stranger.post("/account/name", "full_name", "Eve").answers(403)
	}
	p.stop()
	log := p.out.String()[began:]
	if len(log) > 10_000 || !strings.Contains(log, "more=100") || !strings.Contains(log, "route=/account/name") || strings.Contains(log, "route=/ ") {
		t.Errorf("the log is %d bytes long:\n%.2000s", len(log), log)
	}
}

func TestARequestWithoutHostIsRefused(t *testing.T) {
	site := start(t)
	connection, err := net.Dial("tcp", strings.TrimPrefix(site.url, "http://"))
	must(t, err)
	defer connection.Close()
	fmt.Fprint(connection, "GET /login HTTP/1.1\r\nConnection: close\r\n\r\n")
	reply, _ := io.ReadAll(connection)
	if !bytes.HasPrefix(reply, []byte("HTTP/1.1 400 ")) {
		t.Errorf("%.100q", reply)
	}
}

// TestS13AHeadChangesNothing asks every page by HEAD, in a session for which there
// is a lot to write: a message waits, it was not seen for a while, and another
// secret signs its cookie.
func TestS13AHeadChangesNothing(t *testing.T) {
	twoSecrets := func(config *handlers.Config) { config.Secrets = []string{secretB, secretA} }
	site := start(t, twoSecrets)
	user := site.user("ada")
	_, value := site.session(user)
	ada := site.withCookie(value)
	session, err := site.db.Session(t.Context(), site.sessionID())
	must(t, err)
	must(t, site.db.SetValue(t.Context(), session, models.FlashValue, "A message waits."))
	site.later(10 * time.Minute)
	var tables []string
	db, err := sql.Open("sqlite3", site.file)
	must(t, err)
	defer db.Close()
	content := func() string {
		t.Helper()
		tables = nil
		var all strings.Builder
		names, err := db.Query(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name`)
		must(t, err)
		for names.Next() {
			var name string
			must(t, names.Scan(&name))
			tables = append(tables, name)
		}
		must(t, names.Err())
		for _, table := range tables {
			rows, err := db.Query(`SELECT * FROM "` + table + `"`)
			must(t, err)
			columns, err := rows.Columns()
			must(t, err)
			for rows.Next() {
				values := make([]any, len(columns))
				for i := range values {
					values[i] = new(any)
				}
				must(t, rows.Scan(values...))
				fmt.Fprint(&all, table)
				for i, name := range columns {
					fmt.Fprintf(&all, " %s=%v", name, *values[i].(*any))
				}
				fmt.Fprintln(&all)
			}
			must(t, rows.Err())
		}
		return all.String()
	}
	before := content()
	asked := 0
	for _, route := range site.app.GetRoutes(true) {
		if route.Method != "GET" {
			continue
		}
		path := strings.NewReplacer("/users/:id", "/users/"+user.ID, ":name", "app.css", ":id", session.ID).Replace(route.Path)
		if status := ada.do("HEAD", path, nil).http.StatusCode; status >= 500 {
			t.Errorf("HEAD %s is answered %d", path, status)
		}
		asked++
	}
	if asked < 15 || len(tables) < 8 {
		t.Fatalf("only %d pages were asked for, and %d tables compared", asked, len(tables))
	}
	ada.do("HEAD", "/nothing", nil).answers(404)
	site.stop() // writes what was still to be written
	if after := content(); after != before {
		t.Errorf("HEAD changed the database from\n%s\nto\n%s", before, after)
	}
	again := startOn(t, site.file, twoSecrets)
	again.withCookie(value).get("/dashboard").answers(200).says("A message waits.")
	if content() == before {
		t.Error("the test would not notice a change")
	}
}

func TestActivityIsFilteredPagedAndDownloaded(t *testing.T) {
	site := start(t)
	site.add("eve", models.Member)
	ada, eve := site.signIn("ada"), site.signIn("eve")
	eve.login("eve", "not the password").answers(422)
	for range 60 { // more than a page
		site.later(time.Minute)
		if _, err := site.db.LinkFor(t.Context(), site.user("ada"), models.CommandLine); err != nil {
			t.Fatal(err)
		}
	}
	seen, pages := 0, 0
	for path := "/activity"; path != ""; pages++ {
		page := ada.get(path).answers(200)
		seen += strings.Count(page.body, `<span class="title">`)
		path = ""
		if older := regexp.MustCompile(`href="(/activity\?before=[^"]+)" rel="next"`).FindStringSubmatch(page.body); older != nil {
			path = html.UnescapeString(older[1])
		}
	}
	if events := site.count(`SELECT COUNT(*) FROM events WHERE user_id = (SELECT id FROM users WHERE name = 'ada')`); seen != events || pages != 2 {
		t.Errorf("%d of %d events are shown on %d pages", seen, events, pages)
	}
	if page := ada.get("/activity?kind=sign-in"); strings.Count(page.body, `<span class="title">`) != 1 {
		t.Error("the filter does not filter")
	}
	ada.get("/activity?kind=nonsense").answers(200).says("Nothing matches")
	ada.get("/activity?before=%00&kind=%ff").answers(200)
	if page := ada.get("/activity?name=eve"); strings.Contains(page.body, `<span class="title">Failed`) {
		t.Error("somebody else's activity is shown")
	}
	ada.get("/admin/activity?name=eve").answers(200).says("Failed sign-in")
	eve.get("/admin/activity").answers(403)
	eve.get("/admin/activity.csv").answers(403)

	for _, first := range []string{"=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"} {
		site.change(`UPDATE events SET browser = '` + first + `1' WHERE kind = 'failed sign-in'`)
		rows, err := csv.NewReader(strings.NewReader(ada.get("/admin/activity.csv?name=eve&kind=failed+sign-in").body)).ReadAll()
		must(t, err)
		if read := strings.ReplaceAll(first, "\r", "\n") + "1"; len(rows) != 2 || strings.ReplaceAll(rows[1][3], "\r", "\n") != "'"+read {
			t.Errorf("a cell that begins with %q is %q", first, rows)
		}
	}
	site.change(`UPDATE events SET browser = '=HYPERLINK("evil")' WHERE kind = 'failed sign-in'`)
	file := ada.get("/admin/activity.csv?name=eve&kind=failed+sign-in").answers(200)
	rows, err := csv.NewReader(strings.NewReader(file.body)).ReadAll()
	must(t, err)
	if len(rows) != 2 || rows[1][1] != "eve" || rows[1][3] != `'=HYPERLINK("evil")` || !strings.Contains(file.http.Header.Get("Content-Disposition"), "activity.csv") {
		t.Errorf("the file is %q", rows)
	}
	own, err := csv.NewReader(strings.NewReader(eve.get("/activity.csv?name=ada").answers(200).body)).ReadAll()
	must(t, err)
	if len(own) != 4 { // the heading, added, signed in, failed
		t.Errorf("the own file is %q", own)
	}
}

// TestLargeFilesAreDownloadedWhole, in memory that does not grow with them, while
// the database goes on; and one that breaks off is known to be broken.
func TestLargeFilesAreDownloadedWhole(t *testing.T) {
	const events, notes = 60_000, 1_234
	file := filepath.Join(t.TempDir(), "daypass.db")
	first := startOn(t, file)
	first.add("eve", models.Member)
	first.change(`CREATE TABLE sample_notes (user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE, part BIGINT NOT NULL, place BIGINT NOT NULL, title TEXT NOT NULL, PRIMARY KEY (part, place))`)
	first.change(`CREATE TABLE sample_marks (user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE, mark TEXT NOT NULL)`)
	for table, values := range map[string]string{"sample_notes": `u.id, i % 7, i, 'a note'`, "sample_marks": `u.id, 'a mark'`} {
		first.change(fmt.Sprintf(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO %s SELECT %s FROM n, users u WHERE u.name = 'eve'`, notes, table, values))
	}
	first.change(fmt.Sprintf(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
		INSERT INTO events (id, user_id, kind, at, address, browser) SELECT printf('0%%09d', i), u.id, 'sign-out', 1700000000 + i, '203.0.113.9', 'Firefox on Linux' FROM n, users u WHERE u.name = 'eve'`, events))
	first.stop()
	site := startOn(t, file)
	site.add("ada", models.Admin)
	eve, ada := site.signIn("eve"), site.signIn("ada")

	all := site.count(`SELECT COUNT(*) FROM events`)
	for path, rows := range map[string]int{"/activity.csv": events + 2, "/admin/activity.csv": all, "/admin/activity.csv?name=eve&kind=sign-out": events} {
		who := eve
		if strings.HasPrefix(path, "/admin") {
			who = ada
		}
		table, err := csv.NewReader(strings.NewReader(who.get(path).answers(200).body)).ReadAll()
		must(t, err)
		if len(table) != rows+1 {
			t.Errorf("%s has %d rows, not %d", path, len(table)-1, rows)
		}
	}
	var data struct {
		Sessions, Events []map[string]any
		Notes            []map[string]any `json:"sample_notes"`
		Marks            []map[string]any `json:"sample_marks"`
	}
	must(t, json.Unmarshal([]byte(eve.post("/account/data.json").answers(200).body), &data))
	if len(data.Sessions) != 1 || len(data.Events) != events+3 || len(data.Notes) != notes || len(data.Marks) != notes {
		t.Errorf("the data has %d sessions, %d events, %d notes and %d marks", len(data.Sessions), len(data.Events), len(data.Notes), len(data.Marks))
	}
	if note := data.Notes[0]; len(note) != 3 || note["title"] != "a note" || len(data.Marks[0]) != 1 {
		t.Errorf("the first note is %v, the first mark %v", note, data.Marks[0])
	}
	data.Events, data.Notes, data.Marks = nil, nil, nil

	// Ten who take their time.
	held := func() uint64 {
		debug.FreeOSMemory()
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	before := held()
	for range 10 {
		connection, err := net.Dial("tcp", strings.TrimPrefix(site.url, "http://"))
		must(t, err)
		defer connection.Close()
		must(t, connection.(*net.TCPConn).SetReadBuffer(4096))
		fmt.Fprintf(connection, "POST /account/data.json HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: same-origin\r\nCookie: daypass=%s\r\nContent-Length: 0\r\n\r\n", eve.cookie())
		line, err := bufio.NewReaderSize(connection, 16).ReadString('\n')
		must(t, err)
		if !strings.Contains(line, "200") {
			t.Fatal(line)
		}
	}
	if after := held(); after > before+50<<20 { // whole files would be some 300
		t.Errorf("ten downloads hold %d MiB", (after-before)>>20)
	}
	db, err := sql.Open("sqlite3", site.file)
	must(t, err)
	defer db.Close()
	var busy, pages, written int
	must(t, db.QueryRow(`PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &pages, &written))
	if busy != 0 {
		t.Error("a slow download keeps the log from being written back")
	}

	site.change(`UPDATE events SET at = 'never' WHERE id = '0000000001'`) // the last one to be read
	request, err := http.NewRequest("POST", site.url+"/account/data.json", nil)
	must(t, err)
	response, err := eve.client.Do(request)
	must(t, err)
	defer response.Body.Close()
	if n, err := io.Copy(io.Discard, response.Body); err == nil {
		t.Errorf("the file ends after %d bytes as if it were whole", n)
	}
	if !strings.Contains(site.log.String(), "download failed") {
		t.Error("the log does not say that a download failed")
	}
	site.change(`DELETE FROM events WHERE at = 'never'`)
	eve.get("/activity.csv").answers(200)
}

// TestWhatRepeatsWithinAMinuteIsCountedInOneRow, on pages and in files, and stays
// bounded when the browser calls itself something else each time.
func TestWhatRepeatsWithinAMinuteIsCountedInOneRow(t *testing.T) {
	site := start(t)
	begin := time.Now().Truncate(time.Minute)
	site.db.Now = func() time.Time { return begin.Add(time.Duration(site.offset.Load())) }
	eve := site.visitor()
	site.add("eve", models.Member)
	eve.login("eve", password).leadsTo("/dashboard")
	renames := func() int { return site.count(`SELECT COUNT(*) FROM events WHERE kind = 'name changed'`) }
	for i := range 7 {
		eve.post("/account/name", "full_name", fmt.Sprint("Eve ", i)).leadsTo("/account")
		site.later(time.Second)
	}
	if rows := renames(); rows != 1 {
		t.Errorf("7 changes have %d rows", rows)
	}
	eve.get("/dashboard").says(`Name changed <span class="tag">7 times</span>`)
	eve.get("/activity").says(`Name changed <span class="tag">7 times</span>`)
	rows, err := csv.NewReader(strings.NewReader(eve.get("/activity.csv?kind=name+changed").answers(200).body)).ReadAll()
	must(t, err)
	if len(rows) != 2 || rows[0][6] != "count" || rows[1][6] != "7" {
		t.Errorf("the file is %q", rows)
	}

	site.later(time.Minute)
	eve.post("/account/name", "full_name", "Eve").leadsTo("/account")
	if rows := renames(); rows != 2 {
		t.Errorf("a minute later there are %d rows", rows)
	}
	site.later(time.Minute)
	for i := range 40 {
		eve.header.Set("User-Agent", fmt.Sprintf("Browser%c%c/1.0", 'A'+i/26, 'A'+i%26))
		eve.post("/account/name", "full_name", fmt.Sprint("Eve ", i)).leadsTo("/account")
	}
	if rows, all := renames(), site.count(`SELECT SUM(count) FROM events WHERE kind = 'name changed'`); rows > 12 || all != 48 {
		t.Errorf("with 40 browsers in a minute there are %d rows of %d changes", rows, all)
	}

	// The chart and the alarm count them all, and the alarm those of the minute of a sign-in.
	site.later(time.Hour)
	for range 3 {
		site.visitor().login("eve", "not the password").answers(422)
	}
	back := site.visitor()
	site.later(time.Second)
	back.login("eve", password).leadsTo("/dashboard")
	back.get("/dashboard").says("3 failed sign-ins since your last visit").says("<td>2</td><td>3</td>")
	site.later(time.Second)
	for range 2 {
		site.visitor().login("eve", "not the password").answers(422)
	}
	site.later(time.Second)
	back.login("eve", password).leadsTo("/dashboard")
	site.later(2 * time.Minute)
	back.login("eve", password).leadsTo("/dashboard")
	if failures := site.count(`SELECT COUNT(*) FROM events WHERE kind = 'failed sign-in'`); failures != 2 {
		t.Errorf("the failures before and after a sign-in have %d rows", failures)
	}
	back.get("/dashboard").says("2 failed sign-ins since your last visit")
}

func TestANameCanBeSeen(t *testing.T) {
	site := start(t)
	eve := site.add("eve", models.Member)
	ada, hers := site.signIn("ada"), site.signIn("eve")
	for _, name := range []string{"\u200b", "\u2060\ufeff", "\u3164", "\uffa0", "\u115f", "\u2800", "\u00ad", "\u200e", "\ufe0f", "\u0301", "\U000e0041", " \u200d "} {
		hers.post("/account/name", "full_name", name).answers(422).says("can be seen")
		ada.post("/admin/users/new", "username", "kim", "full_name", name, "role", "member").answers(422).says("can be seen")
		ada.post("/admin/users/new", "username", name, "role", "member").answers(422).says("letters, digits")
	}
	if site.count(`SELECT COUNT(*) FROM users`) != 2 || site.user("eve").FullName != eve.FullName {
		t.Error("a name was taken that can't be seen")
	}
	for _, name := range []string{"Zoe\u0308", "👩\u200d🚀", "نمی\u200cدانم", ""} {
		hers.post("/account/name", "full_name", name).leadsTo("/account")
	}
}

func TestAnEventOfAnotherVersionIsShownByItsName(t *testing.T) {
	site := start(t)
	ada := site.signIn("ada")
	site.change(`INSERT INTO events (id, user_id, kind, at, address, browser) SELECT 'x', id, 'passkey <added>', unixepoch(), '', '' FROM users`)
	for _, path := range []string{"/dashboard", "/activity", "/admin/activity", "/admin/users/" + site.user("ada").ID} {
		ada.get(path).answers(200).says("passkey &lt;added&gt;")
	}
	ada.get("/activity.csv").answers(200).says("passkey <added>")
}

// kinds are those of events.
func kinds(events []map[string]any) (kinds []any) {
	for _, event := range events {
		kinds = append(kinds, event["kind"])
	}
	return kinds
}

// TestNobodySeesWhatIsSomebodyElses: two users with browsers and names of their
// own, on every page that is not of the administration, and on each other's there.
func TestNobodySeesWhatIsSomebodyElses(t *testing.T) {
	site := start(t)
	agents := map[string]string{"Firefox on Linux": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Safari on iOS": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"}
	site.add("quentin", models.Member)
	site.add("zelda", models.Member)
	people := map[string]*browser{}
	for name, with := range map[string]string{"quentin": "Firefox on Linux", "zelda": "Safari on iOS"} {
		b := site.visitor()
		b.header.Set("User-Agent", agents[with])
		b.login(name, "not the password").answers(422)
		b.login(name, password).leadsTo("/dashboard")
		b.post("/account/name", "full_name", "Full Name of "+name).leadsTo("/account")
		b.get("/account").says("Your name was changed.")
		people[name] = b
	}
	site.signIn("quentin") // elsewhere, in the same kind of browser
	check := func(a *answer, mine, others string) {
		t.Helper()
		for _, line := range strings.Split(a.body, "\n") {
			if strings.Contains(line, others) || strings.Contains(line, map[string]string{"Firefox on Linux": "zelda", "Safari on iOS": "quentin"}[mine]) {
				t.Errorf("%s of %s shows %s", a.to, mine, line)
			}
		}
	}
	ada := site.signIn("ada")
	for name, mine := range map[string]string{"quentin": "Firefox on Linux", "zelda": "Safari on iOS"} {
		others := map[string]string{"quentin": "Safari on iOS", "zelda": "Firefox on Linux"}[name]
		for range 2 {
			for _, path := range []string{"/dashboard", "/sessions", "/activity", "/activity?kind=sign-in", "/activity.csv", "/account"} {
				page := people[name].get(path).answers(200)
				if check(page, mine, others); path != "/account" && !strings.Contains(page.body, mine) {
					t.Errorf("%s of %s says nothing of it", path, name)
				}
			}
		}
		people[name].get("/activity").says("127.0.0.1")
		people[name].get("/activity.csv").says(",127.0.0.1,")
		data := people[name].post("/account/data.json", "download", "json").answers(200)
		check(data, mine, others)
		data.says(`"address":"127.0.0.1"`)
		if page := ada.get("/admin/users/" + site.user(name).ID).answers(200); strings.Contains(page.body, others) || !strings.Contains(page.body, mine) {
			t.Errorf("the page of %s for administrators shows what is somebody else's:\n%s", name, page.body)
		}
	}
}

func TestOnesOwnAccount(t *testing.T) {
	site := start(t)
	site.add("eve", models.Member)
	eve := site.signIn("eve")
	eve.post("/account/name", "full_name", "Eve <i> שרה").leadsTo("/account")
	eve.get("/account").says("Your name was changed.").says("Eve &lt;i&gt; שרה").says("member, joined <time")
	eve.post("/account/name", "full_name", strings.Repeat("x", 201)).answers(422).says("at most 200")
	eve.post("/account/name", "full_name", "a\x00b").answers(422)
	eve.post("/account/name", "full_name", "Eve", "role", "admin", "id", site.user("ada").ID).leadsTo("/account")
	if site.user("eve").IsAdmin() || site.user("ada").FullName != "" {
		t.Error("a field that was smuggled in counts")
	}

	var data struct {
		User     map[string]any
		Sessions []map[string]any
		Events   []map[string]any
	}
	before := site.rows()
	eve.get("/account/data.json").leadsTo("/account") // what is noted is no GET
	if after := site.rows(); after != before {
		t.Errorf("a GET of the data wrote: %s, before %s", after, before)
	}
	file := eve.post("/account/data.json", "download", "json").answers(200)
	must(t, json.Unmarshal([]byte(file.body), &data))
	if data.User["name"] != "eve" || len(data.Sessions) != 1 || !slices.Equal(kinds(data.Events), []any{"data downloaded", "name changed", "sign-in", "user added"}) || strings.Contains(file.body, "argon2") || strings.Contains(file.body, site.user("ada").ID) {
		t.Errorf("the data is %s", file.body)
	}

	eve.post("/account/remove", "current", "not the password").answers(422).says("not your current password")
	eve.post("/account/remove", "current", password).leadsTo("/login?left=1")
	eve.get("/dashboard").isTurnedAway()
	eve.login("eve", password).answers(422)
	ada := site.signIn("ada")
	ada.post("/account/remove", "current", password).answers(422).says("last administrator")
	ada.get("/dashboard").answers(200)
}

func TestInvitationsAndLinks(t *testing.T) {
	site := start(t)
	ada := site.signIn("ada")
	link := func(posted *answer) string {
		t.Helper()
		page := ada.get(posted.answers(303).http.Header.Get("Location")).answers(200)
		found := regexp.MustCompile(`value="` + regexp.QuoteMeta(site.url) + `(/link\?token=(\w+))"`).FindStringSubmatch(page.body)
		if found == nil {
			t.Fatalf("no link on the page:\n%s", page.body)
		}
		site.keepsSecret(found[2])
		return found[1]
	}
	token := func(link string) string { return strings.TrimPrefix(link, "/link?token=") }

	ada.post("/admin/users/new", "username", "a b", "role", "member").answers(422).says("No spaces.")
	ada.post("/admin/users/new", "username", "ADA", "role", "member").answers(422).says("taken")
	ada.post("/admin/users/new", "username", "eve", "role", "owner").answers(422).says("member or an admin")
	first := link(ada.post("/admin/users/new", "username", "eve", "full_name", "Eve", "role", "member"))
	site.visitor().login("eve", password).answers(422)
	site.visitor().login("eve", "").answers(422)

	// A new link replaces the old one.
	second := link(ada.post("/admin/users/" + site.user("eve").ID + "/link"))
	site.visitor().get(first).answers(404).says("no longer works")
	guest := site.visitor()
	guest.get(second).answers(200).says("eve").hasNoCookie()
	guest.post("/link", "token", token(second), "password", "short").answers(422).says("at least 15")
	for _, made := range []string{"", "x", "\x00", strings.Repeat("A", 26)} {
		guest.get("/link?token=" + url.QueryEscape(made)).answers(404)
		guest.post("/link", "token", made, "password", password).answers(404).hasNoCookie()
	}

	// Several people use it at the same moment: one gets through.
	var through atomic.Int32
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			switch site.visitor().post("/link", "token", token(second), "password", password).http.StatusCode {
			case 303:
				through.Add(1)
			case 404:
			default:
				t.Error("neither through nor refused")
			}
		})
	}
	wg.Wait()
	if through.Load() != 1 {
		t.Errorf("%d people got through", through.Load())
	}
	guest.get(second).answers(404)

	// A link for a forgotten password ends the sessions, and lasts a day.
	eve := site.signIn("eve")
	third := link(ada.post("/admin/users/" + site.user("eve").ID + "/link"))
	eve.get("/dashboard").answers(200)
	fresh := site.visitor()
	fresh.post("/link", "token", token(third), "password", "another walk in the grass").leadsTo("/dashboard")
	fresh.get("/dashboard").answers(200).says("Password changed")
	eve.get("/dashboard").isTurnedAway()
	fourth := link(ada.post("/admin/users/" + site.user("eve").ID + "/link"))
	must(t, site.db.SetDisabled(t.Context(), site.user("eve"), true, models.CommandLine))
	fresh.get(fourth).answers(404)
	must(t, site.db.SetDisabled(t.Context(), site.user("eve"), false, models.CommandLine))
	fresh.get(fourth).answers(404) // what disabling ended does not come back
	fifth := link(ada.post("/admin/users/" + site.user("eve").ID + "/link"))
	fresh.get(fifth).answers(200)
	site.later(24*time.Hour + time.Second)
	site.visitor().get(fifth).answers(404)
}

// TestAPasswordLinkEndsWithTheSessions: who took over an account may have asked
// for a link, too. It must not outlive what the owner does about it.
func TestAPasswordLinkEndsWithTheSessions(t *testing.T) {
	site := start(t)
	site.add("eve", models.Member)
	const next = "another walk in the grass"
	command := func(args ...string) func() {
		return func() {
			t.Helper()
			if status, _, errs := typed(t, next, append(args, "--database", site.file)...); status != 0 {
				t.Fatalf("daypass %q: %s", args, errs)
			}
		}
	}
	post := func(name, password, path string, pairs ...string) func() {
		return func() {
			t.Helper()
			site.signInWith(name, password).post(path, pairs...).answers(303)
		}
	}
	at := "/admin/users/" + site.user("eve").ID
	for _, act := range []struct {
		name string
		does func()
	}{
		{"new password on the account page", post("eve", password, "/account/password", "current", password, "password", next)},
		{"new password by a command", command("user", "password", "eve")},
		{"own other sessions ended", post("eve", next, "/sessions/end")},
		{"disabled and enabled by a command", func() { command("user", "disable", "eve")(); command("user", "enable", "eve")() }},
		{"disabled and enabled by an administrator", func() { post("ada", password, at+"/disable")(); post("ada", password, at+"/enable")() }},
		{"signed out by an administrator", post("ada", password, at+"/end-sessions")},
		{"signed out by a command", command("session", "end", "--user", "eve")},
		{"everybody signed out by an administrator", post("ada", password, "/admin/sessions/end")},
		{"everybody signed out by a command", command("session", "end", "--all")},
	} {
		token, err := site.db.LinkFor(t.Context(), site.user("eve"), models.CommandLine)
		must(t, err)
		site.visitor().get("/link?token=" + token).answers(200)
		act.does()
		if status := site.visitor().get("/link?token=" + token).http.StatusCode; status != 404 {
			t.Errorf("%s: the link answers %d", act.name, status)
		}
		if status := site.visitor().post("/link", "token", token, "password", password).http.StatusCode; status != 404 {
			t.Errorf("%s: the link sets a password (%d)", act.name, status)
		}
	}
}

// TestALinkStaysWhereItIsShown: loading its page again, or going back to it, must
// not make another link and so end the one that was passed on.
func TestALinkStaysWhereItIsShown(t *testing.T) {
	site := start(t)
	ada, other := site.signIn("ada"), site.signIn("ada")
	ada.post("/admin/users/new", "username", "eve", "role", "member")
	at := "/admin/users/" + site.user("eve").ID + "/link"
	linkAt := regexp.MustCompile(`value="` + regexp.QuoteMeta(site.url) + `(/link\?token=(\w+))"`)
	shown := func() (link string) {
		t.Helper()
		found := linkAt.FindStringSubmatch(ada.get(at).answers(200).body)
		if found == nil {
			t.Fatal("no link is shown")
		}
		site.keepsSecret(found[2])
		return found[1]
	}
	gone := func(b *browser) {
		t.Helper()
		if page := b.get(at).answers(404).says("No link to show"); linkAt.MatchString(page.body) {
			t.Error("a link is shown")
		}
	}
	first := shown()
	before := site.rows()
	for range 3 {
		if again := shown(); again != first {
			t.Fatalf("%s became %s", first, again)
		}
	}
	site.visitor().get(first).answers(200)
	if after := site.rows(); after != before {
		t.Errorf("reading wrote: %s, and before %s", after, before)
	}

	// Nobody else, and no copy of the database, reads it.
	gone(other)
	token := strings.TrimPrefix(first, "/link?token=")
	for _, suffix := range []string{"", "-wal"} {
		if content, err := os.ReadFile(site.file + suffix); err != nil || bytes.Contains(content, []byte(token)) {
			t.Errorf("daypass.db%s: %v, or it holds the token", suffix, err)
		}
	}

	// Another link takes its place; one that was used is shown no more; nor is any after a while.
	ada.post(at).leadsTo(at)
	second := shown()
	site.visitor().get(first).answers(404)
	other.post(at).leadsTo(at)
	gone(ada)
	ada.post(at).leadsTo(at)
	site.visitor().get(second).answers(404)
	site.visitor().post("/link", "token", strings.TrimPrefix(shown(), "/link?token="), "password", "another walk in the grass").leadsTo("/dashboard")
	gone(ada)
	ada.post(at).leadsTo(at)
	site.later(15*time.Minute - time.Second)
	shown()
	site.later(time.Second)
	gone(ada)
	ada.get("/admin/users/nobody/link").answers(404)
}

func TestAdministeringUsers(t *testing.T) {
	site := start(t)
	eve := site.add("eve", models.Member)
	ada, hers := site.signIn("ada"), site.signIn("eve")
	at := "/admin/users/" + eve.ID
	ada.get(at).answers(200).says("Make administrator")
	for _, path := range []string{"/admin/users/nobody", "/admin/users/%00"} {
		ada.get(path).answers(404)
		ada.post(path + "/disable").answers(404)
	}
	ada.post(at + "/promote").answers(404)
	hers.get("/admin").answers(403)
	hers.post(at + "/make-admin").answers(403)

	ada.post(at + "/make-admin").leadsTo(at)
	ada.get(at).says("is an administrator now")
	hers.get("/admin").answers(200) // from the next request on
	ada.post(at + "/make-member").leadsTo(at)
	hers.get("/admin").answers(403)
	ada.post(at + "/end-sessions").leadsTo(at)
	hers.get("/dashboard").isTurnedAway()
	hers.login("eve", password).leadsTo("/dashboard")
	hers.get("/activity").says("Role changed").says("by <bdi>ada</bdi>")
	ada.post(at + "/disable").leadsTo(at)
	hers.get("/dashboard").isTurnedAway()
	ada.get("/admin/users?state=disabled").says("eve")
	ada.post(at + "/enable").leadsTo(at)
	hersAtRemoval := ada.get("/admin/activity?name=eve").answers(200).body // goes with her
	ada.post(at + "/remove").leadsTo("/admin/users")
	ada.get(at).answers(404)

	self := "/admin/users/" + site.user("ada").ID
	for _, act := range []string{"/make-member", "/disable", "/remove"} {
		ada.post(self + act).leadsTo(self)
		ada.get(self).says("last administrator")
	}
	ada.post("/admin/sessions/end").leadsTo("/login?left=1")
	ada.get("/dashboard").isTurnedAway()

	// Every act is an event, with whose it was.
	ada.login("ada", password).leadsTo("/dashboard")
	after := ada.get("/admin/activity").answers(200).body
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

// whileWriting holds the write lock with a change that is not committed, lets a
// request come as far as a function that waits for the lock, and commits then:
// what the request has read is what was before.
func (s *testSite) whileWriting(change string, request func() *answer, function string) *answer {
	s.t.Helper()
	db, err := sql.Open("sqlite3", s.file+"?_txlock=immediate&_busy_timeout=5000")
	must(s.t, err)
	defer db.Close()
	tx, err := db.Begin()
	must(s.t, err)
	defer tx.Rollback() // does nothing after Commit
	_, err = tx.Exec(change)
	must(s.t, err)
	answered := make(chan *answer, 1)
	go func() { answered <- request() }()
	stacks := make([]byte, 4<<20)
	for !bytes.Contains(stacks[:goruntime.Stack(stacks, true)], []byte(function)) {
		select {
		case early := <-answered:
			s.t.Fatalf("%s answered %d before it came to %s", early.to, early.http.StatusCode, function)
		case <-time.After(time.Millisecond):
		}
	}
	must(s.t, tx.Commit())
	return <-answered
}

func TestTheLastAdministratorStaysWhoWasAMemberWhenTheFormWasSent(t *testing.T) {
	site := start(t)
	site.add("eve", models.Member)
	eve := site.signIn("eve")
	site.whileWriting(`UPDATE users SET role = CASE name WHEN 'eve' THEN 'admin' ELSE 'member' END`,
		func() *answer { return eve.post("/account/remove", "current", password) }, "models.(*DB).removeUser").answers(422).says("last administrator")
	eve.get("/admin").answers(200)
}

func TestWhoIsNoAdministratorAnyMoreActsOnNobody(t *testing.T) {
	site := start(t)
	eve := site.add("eve", models.Admin)
	site.add("bob", models.Admin)
	for unmade, change := range map[string]string{"made a member": `role = 'member'`, "disabled": `disabled = TRUE`} {
		site.change(`UPDATE users SET role = 'admin', disabled = FALSE`)
		bob := site.signIn("bob")
		for path, function := range map[string]string{
			"/admin/users/" + eve.ID + "/disable":     "models.(*DB).SetDisabled",
			"/admin/users/" + eve.ID + "/make-member": "models.(*DB).SetRole",
			"/admin/users/" + eve.ID + "/remove":      "models.(*DB).RemoveUser",
			"/admin/users/" + eve.ID + "/link":        "models.(*DB).LinkFor",
			"/admin/sessions/end":                     "models.(*DB).EndAllSessions",
		} {
			site.change(`UPDATE users SET role = 'admin', disabled = FALSE`)
			answer := site.whileWriting(`UPDATE users SET `+change+` WHERE name = 'bob'`, func() *answer { return bob.post(path) }, function)
			if answer.http.StatusCode != 403 {
				t.Errorf("%s after bob was %s: %d", path, unmade, answer.http.StatusCode)
			}
		}
	}
	if user := site.user("eve"); user.Disabled || !user.IsAdmin() || site.count(`SELECT COUNT(*) FROM links`) != 0 {
		t.Errorf("left is %+v", user)
	}
}

// TestNobodyIsTakenForWhoseNameTheyChose: a full name is what its owner says, so
// the username stands beside it wherever administrators see it.
func TestNobodyIsTakenForWhoseNameTheyChose(t *testing.T) {
	site := start(t)
	eve := site.add("eve", models.Member)
	ada, hers := site.signIn("ada"), site.signIn("eve")
	hers.post("/account/name", "full_name", "root").leadsTo("/account")
	names := func(path, both string) {
		t.Helper()
		page := ada.get(path).answers(200).says(both)
		if strings.Contains(strings.NewReplacer(both, "", "eve (root) · Daypass</title>", "").Replace(page.body), "root") {
			t.Errorf("%s shows a full name without the username:\n%s", path, page.body)
		}
	}
	const both = "<bdi>eve</bdi> (<bdi>root</bdi>)"
	at := "/admin/users/" + eve.ID
	names("/admin/sessions", both)
	names(at, both)
	names("/admin/users", "<bdi>root</bdi></a>")
	ada.get("/admin/users").says(`<span class="detail"><bdi>eve</bdi>`)
	if page := ada.get("/admin/activity"); strings.Contains(page.body, "root") {
		t.Error("all activity names a user by the full name")
	}
	ada.get(at).says("<title>eve (root) · Daypass</title>").says("Deletes the account of " + both)
	ada.post(at + "/link").leadsTo(at + "/link")
	names(at+"/link", both)
	ada.get(at + "/link").says("<title>A link for eve (root) · Daypass</title>")
	for _, each := range [][2]string{{"make-admin", "is an administrator now"}, {"make-member", "is a member now"}, {"disable", "is disabled"}, {"enable", "can sign in again"}, {"end-sessions", "is signed out"}} {
		ada.post(at + "/" + each[0]).leadsTo(at)
		ada.get(at).says("<span>eve (root) " + each[1])
	}
	site.signIn("eve")
	end := regexp.MustCompile(`action="(/admin/sessions/\w+/end)"`).FindStringSubmatch(ada.get(at).body)
	ada.post(end[1]).leadsTo("/admin/sessions")
	ada.get("/admin/sessions").says("The session of eve (root) was ended.")
	ada.post(at + "/remove").leadsTo("/admin/users")
	ada.get("/admin/users").says("eve (root) was removed.")
}

// TestTheNameOfARemovedUserStandsNowhere: not even as whose act something was, in
// pages that others have open already.
func TestTheNameOfARemovedUserStandsNowhere(t *testing.T) {
	site := start(t)
	eve, bob := site.add("eve", models.Member), site.add("bobby", models.Admin)
	hers, his, ada := site.signIn("eve"), site.signIn("bobby"), site.signIn("ada")
	his.post("/admin/users/" + eve.ID + "/make-admin").leadsTo("/admin/users/" + eve.ID)
	his.post("/admin/users/" + eve.ID + "/make-member").leadsTo("/admin/users/" + eve.ID)
	his.post("/admin/users/" + bob.ID + "/make-member").leadsTo("/admin/users/" + bob.ID)
	for _, path := range []string{"/activity.csv", "/dashboard", "/activity"} {
		hers.get(path).answers(200).says("bobby").says("command line")
	}
	hers.post("/account/data.json").answers(200).says("bobby").says("command line")
	ada.post("/admin/users/" + bob.ID + "/remove").leadsTo("/admin/users")
	namesNobody := func() {
		t.Helper()
		for path, method := range map[string]string{"/dashboard": "GET", "/activity": "GET", "/activity.csv": "GET", "/account/data.json": "POST"} {
			if page := hers.do(method, path, nil).answers(200).says("removed user").says("command line"); strings.Contains(page.body, "bobby") {
				t.Errorf("%s names who was removed:\n%s", path, page.body)
			}
		}
	}
	namesNobody()
	site.add("bobby", models.Member) // is somebody else
	namesNobody()
	if kept := site.count(`SELECT SUM(count) FROM events WHERE author_id = '` + bob.ID + `'`); kept != 2 {
		t.Errorf("%d acts are known as those of one user", kept)
	}
}

func TestUsersAreFoundAndPaged(t *testing.T) {
	site := start(t)
	site.change(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120)
		INSERT INTO users (id, name, name_key, full_name, search_key, role, disabled, created, password)
		SELECT printf('id%03d', i), printf('User%03d', i), printf('user%03d', i), CASE WHEN i % 2 THEN 'Odd_100%' ELSE 'Even' END,
			printf('user%03d', i) || CASE WHEN i % 2 THEN ' odd_100%' ELSE ' even' END, 'member', FALSE, i / 7, 'x' FROM n`)
	ada := site.signIn("ada")
	for _, sort := range []string{"", "newest"} {
		seen, pages := map[string]bool{}, 0
		for path := "/admin/users?sort=" + sort; path != ""; pages++ {
			page := ada.get(path).answers(200)
			for _, found := range regexp.MustCompile(`href="/admin/users/(id\d+)"`).FindAllStringSubmatch(page.body, -1) {
				if seen[found[1]] {
					t.Fatalf("%s is shown twice", found[1])
				}
				seen[found[1]] = true
			}
			path = ""
			if more := regexp.MustCompile(`href="(/admin/users\?[^"]+)" rel="next"`).FindStringSubmatch(page.body); more != nil {
				path = html.UnescapeString(more[1])
			}
		}
		if len(seen) != 120 || pages != 3 {
			t.Errorf("sorted %q: %d users on %d pages", sort, len(seen), pages)
		}
	}
	for text, want := range map[string]int{"user00": 9, "USER005": 1, "odd_100%": 50, "100%": 50, "_": 50, "%": 50, "nobody": 0, `\`: 0} {
		page := ada.get("/admin/users?text=" + url.QueryEscape(text)).answers(200)
		if found := len(regexp.MustCompile(`href="/admin/users/id\d+"`).FindAllString(page.body, -1)); found != want {
			t.Errorf("%q finds %d, not %d", text, found, want)
		}
	}
	ada.get("/admin/users?role=admin").says("ada")
	ada.get("/admin/users?after=nobody").answers(404)
	ada.get("/admin/sessions?text=FIREFOX").answers(200).says("Firefox on Linux")
	ada.get("/admin/sessions?text=127.0.0").says("Firefox on Linux")
	ada.get("/admin/sessions?text=nobody").says("No sessions match")
}

func TestNamesOfAllScriptsAreFoundWordByWord(t *testing.T) {
	site := start(t)
	ada := site.signIn("ada")
	for name, full := range map[string]string{"ivan": "Иван Петров", "mesut": "Mesut Özil", "greta": "Greta Weiß", "kim": "ＫＩＭ Ｍinsu", "eve": ""} {
		_, err := site.db.AddUser(t.Context(), models.NewUser{Name: name, FullName: full, Password: password, Role: models.Member}, models.CommandLine)
		must(t, err)
		site.signIn(name)
	}
	hers := site.signIn("eve")
	hers.post("/account/name", "full_name", "Ève İpek").leadsTo("/account")
	for text, want := range map[string]string{
		"Иван": "ivan", "иван": "ivan", "ПЕТРОВ": "ivan", "петров  иван": "ivan", "ivan петров": "ivan",
		"Özil": "mesut", "O\u0308zil": "mesut", "özil": "mesut", "o\u0308ZIL mes": "mesut", "WEISS": "greta", "weiß": "greta", "kim": "kim", "ｍinsu": "kim",
		"ève": "eve", "E\u0300VE": "eve", "Çan": "", "иван özil": "",
	} {
		found := func(path, pattern string) string {
			t.Helper()
			names := map[string]bool{}
			for _, name := range regexp.MustCompile(pattern).FindAllStringSubmatch(ada.get(path+url.QueryEscape(text)).answers(200).body, -1) {
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
		if got := strings.Count(ada.get("/admin/sessions?text="+url.QueryEscape(text)).body, `<details class="sure">`); want != "" && (got < 1 || got > 2) || want == "" && got != 0 {
			t.Errorf("%q finds %d sessions", text, got)
		}
	}
	ada.get("/admin/sessions?text=" + url.QueryEscape("firefox Иван 127.0.0")).says("Иван Петров")
}

func TestSensitiveChangesAskForThePasswordAgain(t *testing.T) {
	site := start(t)
	eve := site.add("eve", models.Member)
	ada := site.signIn("ada")
	at := "/admin/users/" + eve.ID
	site.later(14 * time.Minute)
	ada.post(at + "/disable").leadsTo(at)
	ada.post(at + "/enable").leadsTo(at)
	site.later(2 * time.Minute)
	ada.post(at+"/make-admin", "extra", `<"carried">`).answers(403).says("Confirm it's you").says(`name="extra" value="&lt;&#34;carried&#34;&gt;"`)
	ada.post(at+"/make-admin", "confirm", "").answers(422)
	ada.post(at+"/make-admin", "confirm", "not the password").answers(422).says("not your current password")
	if site.user("eve").IsAdmin() {
		t.Fatal("it was done without the password")
	}
	ada.post(at+"/make-admin", "confirm", password).leadsTo(at)
	ada.post(at + "/make-member").leadsTo(at)
	site.later(16 * time.Minute)
	ada.post(at + "/make-admin").answers(403)
	ada.get(at).answers(200)
}

func TestTheDashboardSaysWhatNeedsAttention(t *testing.T) {
	site := start(t)
	site.signIn("ada").post("/logout")
	site.later(time.Hour)
	for range 3 {
		site.visitor().login("ada", "not the password").answers(422)
	}
	site.later(time.Hour)
	phone := site.visitor()
	phone.header.Set("User-Agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1")
	phone.login("ada", password).leadsTo("/dashboard")
	page := phone.get("/dashboard").says("3 times").says("signed in with Safari on iOS before")
	signIns, failed := 0, 0 // midnight may be among them
	rows := regexp.MustCompile(`<tr><th scope="row">.*?</th><td>(\d+)</td><td>(\d+)</td></tr>`).FindAllStringSubmatch(page.body, -1)
	for _, row := range rows {
		for i, sum := range []*int{&signIns, &failed} {
			number, err := strconv.Atoi(row[i+1])
			must(t, err)
			*sum += number
		}
	}
	if len(rows) != 14 || signIns != 2 || failed != 3 {
		t.Errorf("the chart has %d days with %d sign-ins and %d failed ones", len(rows), signIns, failed)
	}
	phone.post("/logout")
	site.later(time.Hour)
	phone.login("ada", password).leadsTo("/dashboard")
	if page := phone.get("/dashboard"); strings.Contains(page.body, "since your last visit") || strings.Contains(page.body, "before. If this") {
		t.Error("what was seen is shown again")
	}
}

func TestOnesOwnMistypingRaisesNoAlarm(t *testing.T) {
	site := start(t)
	eve := site.add("eve", models.Member)
	mine := site.signIn("ada")
	site.later(time.Hour)
	mine.login("ada", "not the password").answers(422)
	mine.post("/logout")
	mine.login("ada", "not the password").answers(422)
	mine.login("ada", password).leadsTo("/dashboard")
	mine.post("/account/password", "current", "not the password", "password", "another walk in the grass").answers(422)
	site.later(16 * time.Minute)
	mine.post("/admin/users/"+eve.ID+"/disable", "confirm", "not the password").answers(422)
	quiet := func() {
		t.Helper()
		if page := mine.get("/dashboard"); strings.Contains(page.body, "since your last visit") {
			t.Errorf("one's own mistyping raises the alarm:\n%s", page.body)
		}
	}
	quiet()
	if failed := site.count(`SELECT SUM(count) FROM events WHERE kind = 'failed sign-in'`); failed != 4 {
		t.Errorf("%d of 4 failures are in the activity", failed)
	}

	// Somebody else's does, also when it is counted within the same minute.
	mine.login("ada", "not the password").answers(422)
	site.visitor().login("ada", "not the password").answers(422)
	mine.login("ada", "not the password").answers(422)
	mine.get("/dashboard").says("1 failed sign-in since your last visit")
}

// TestTheReadmesPageWorks adds the page of the README's section "Add a page" to
// a copy of the tree by hand, as that tells to, builds the copy and uses the page.
// What the command writes is the same to the letter.
func TestTheReadmesPageWorks(t *testing.T) {
	if _, err := os.Stat("handlers/notes.go"); err == nil {
		t.Skip("the README's page was added to this checkout; its own test is in handlers/notes_test.go")
	}
	readme, err := os.ReadFile("README.md")
	must(t, err)
	_, section, _ := strings.Cut(string(readme), "\n### Add a page\n")
	section, _, _ = strings.Cut(section, "\n### While you write\n")
	command := regexp.MustCompile(`(?m)^go run \. (new view .*)$`).FindStringSubmatch(section)[1]

	tree := copyOfTheTree(t)
	inTree := func(command string) string {
		t.Helper()
		process := exec.Command("sh", "-c", command)
		process.Dir = tree
		out, err := process.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
		return string(out)
	}
	inTree("go build -o daypass . && ./daypass " + command + " && go build -o daypass .")
	if wrong := inTree("gofmt -l ."); wrong != "" {
		t.Errorf("what the command writes is not formatted: %s", wrong)
	}
	inTree("go vet ./handlers ./models && go test -run 'Notes|Gallery|Fits|Render|Guide' ./handlers")
	for _, file := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(section, -1) {
		if found, err := filepath.Glob(filepath.Join(tree, strings.ReplaceAll(file[1], "…", "*"))); err != nil || len(found) != 1 {
			t.Errorf("there is no %s", file[1])
		}
	}

	p := launchProgram(t, filepath.Join(tree, "daypass"), t.TempDir())
	token := regexp.MustCompile(`token=(\w+)`).FindStringSubmatch(p.out.String())[1]
	site := &testSite{t: t, url: p.url}
	ada := site.visitor()
	ada.get("/notes").leadsTo("/setup")
	ada.post("/setup", "token", token, "username", "ada", "full_name", "Ada", "password", password).leadsTo("/dashboard")
	ada.get("/dashboard").says(`<a href="/notes">`)
	ada.get("/notes").answers(200).says("There are no notes yet.")
	ada.post("/notes", "title", "<b>milk</b>", "done", "on").leadsTo("/notes")
	ada.get("/notes").answers(200).says("The note was saved.").says("&lt;b&gt;milk&lt;/b&gt;").says(`<span class="tag">done</span>`)
	ada.post("/notes", "title", strings.Repeat("x", 201)).answers(422).says("Use at most 200 characters.")
	for i := range 51 {
		ada.post("/notes", "title", fmt.Sprint("note ", i)).leadsTo("/notes")
	}
	older := regexp.MustCompile(`href="(/notes\?before=[^"]+)"`).FindStringSubmatch(ada.get("/notes").says("note 50").body)
	if older == nil {
		t.Fatal("a long list has no second page")
	}
	ada.get(older[1]).answers(200).says("milk").says("note 0")
	ada.post("/account/data.json").answers(200).says(`"notes": [`).says("milk")
	site.visitor().get("/notes").leadsTo("/login?next=%2Fnotes")

	w := chromium(t, 390, 800, true)
	w.open(p.url + "/login")
	w.press("ada\t" + password)
	w.enter()
	w.open(p.url + "/notes")
	w.look("notes")
	w.open("about:blank")
	p.stop()
}

// copyOfTheTree copies the source to a folder of its own.
func copyOfTheTree(t *testing.T) string {
	t.Helper()
	here, err := scaffold.Open(".")
	must(t, err)
	tree := t.TempDir()
	must(t, here.Copy(tree, scaffold.AsIs))
	return tree
}

// TestDevFollowsTheDisk writes templates as a developer does while the program
// runs: the page follows, and a slip is shown with its place.
func TestDevFollowsTheDisk(t *testing.T) {
	tree := t.TempDir()
	for _, part := range []string{"views", "public"} {
		must(t, os.CopyFS(filepath.Join(tree, part), os.DirFS(part)))
	}
	view := filepath.Join(tree, "views/setup.html")
	original, err := os.ReadFile(view)
	must(t, err)
	write := func(text string) { must(t, os.WriteFile(view, []byte(text), 0o600)) }

	p := launch(t, tree, "--dev")
	site := &testSite{t: t, url: p.url}
	setup := regexp.MustCompile(`/setup\?token=\w+`).FindString(p.out.String())
	page := site.visitor().get(setup).answers(200).says("/public/dev.")
	wrong := []struct{ text, says string }{
		{"{{template \"layouts/begin\" .}}\n<h1>{{.Titel}}</h1>\n", "<strong>views/setup.html:2</strong> {{.Titel}}: handlers.SetupPage has no field or method Titel"},
		{"<h1>\n\n{{if}}\n", "views/setup.html:3</strong> missing value for if"},
		{"<h1>\n{{template \"partials/nothing\"}}\n", "views/setup.html:2</strong> no such template"},
		{"<h1>\n{{nothing .}}\n", "views/setup.html:2</strong> function &#34;nothing&#34; not defined"},
		{"<h1>\n{{icon \"nothing\"}}\n", "public/icons.svg has no icon"},
		{"<h1 {{if .Title}}>{{end}}\n", "views/setup.html:1</strong> {{if}} branches end in different contexts"},
	}
	for _, slip := range wrong {
		write(slip.text)
		page := site.visitor().get(setup).answers(500).says(slip.says).says(`<span class="wrong">`)
		if page.http.Header.Get("Content-Security-Policy") == "" {
			t.Error("the page of a slip has no security headers")
		}
	}
	write(string(original))
	state := regexp.MustCompile(`data-dev="\w+"`)
	if again := site.visitor().get(setup).answers(200); state.ReplaceAllString(again.body, "") != state.ReplaceAllString(page.body, "") {
		t.Error("the page is not what it was")
	}
	style := regexp.MustCompile(`/public/app\.\w+\.css`)
	site.visitor().get(style.FindString(page.body)).answers(200)
	must(t, os.WriteFile(filepath.Join(tree, "public/app.css"), []byte("h1 { color: red }"), 0o600))
	fresh := style.FindString(site.visitor().get(setup).body)
	if fresh == style.FindString(page.body) {
		t.Error("a changed style has the old name")
	}
	site.visitor().get(fresh).answers(200).says("color: red")

	w := chromium(t, 1280, 800, false)
	w.open(p.url + setup)
	write(strings.Replace(string(original), "<h1>", "<h1>{{.Titel}}", 1))
	w.waitFor("document.querySelector('.source') != null")
	w.look("a slip in a template")
	for _, title := range []string{"First", "Second"} {
		write("{{template \"layouts/begin\" .}}<h1>" + title + "</h1>{{template \"layouts/end\" .}}")
		w.waitFor("document.querySelector('h1')?.textContent == '" + title + "'")
	}
	w.open("about:blank")
	p.stop()

	t.Chdir(t.TempDir())
	if status, _, errs := typed(t, "", "--dev"); status != 2 || !strings.Contains(errs, "views/layouts/begin.html") {
		t.Errorf("outside of a checkout: status %d: %s", status, errs)
	}
}

// waitFor waits until an expression holds, while one page may give way to another.
func (w *window) waitFor(expression string) {
	w.t.Helper()
	for w.ctx.Err() == nil {
		if holds, err := chromedp.Run(w.ctx, chromedp.Evaluate[bool](expression)); err == nil && holds {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	w.t.Fatalf("it never comes that %s", expression)
}
