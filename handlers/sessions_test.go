package handlers_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"daypass/handlers/sitetest"
	"daypass/models"
)

// TestS8AnIdleEndIsFinal: such a session is neither listed nor counted, and a start
// with a longer limit does not bring it back, whenever it became idle.
func TestS8AnIdleEndIsFinal(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	sitetest.Must(t, site.DB.SetIdle(t.Context(), 30*time.Minute))
	used, left := site.SignIn("ada"), site.SignIn("ada")
	_, away := site.Session(site.User("ada"))
	site.Change(`UPDATE sessions SET seen = seen - 3600 WHERE browser = ''`)
	live := func() {
		t.Helper()
		used.Get("/admin").Answers(200).Says("<dt>Sessions</dt><dd>2</dd>")
		if n := strings.Count(used.Get("/admin/sessions").Body, `<span class="detail">`); n != 2 {
			t.Errorf("administrators see %d sessions", n)
		}
		if n := strings.Count(used.Get("/sessions").Body, `<span class="detail">`); n != 2 {
			t.Errorf("the user sees %d sessions", n)
		}
		if signers, err := site.DB.Signers(t.Context()); err != nil || len(signers) != 1 {
			t.Error(signers, err)
		} else {
			for _, count := range signers {
				if count != 2 {
					t.Errorf("the secret signs %d sessions", count)
				}
			}
		}
		if status, out, errs := sitetest.Typed(t, "", "--database", site.File, "session", "list"); status != 0 || strings.Count(out, "\n") != 3 {
			t.Errorf("the command lists\n%s%s", out, errs)
		}
	}
	live()
	sitetest.Must(t, site.DB.Sweep(t.Context()))
	live()
	const both = `SELECT (SELECT COUNT(*) FROM sessions) * 10 + (SELECT COUNT(*) FROM session_payloads)`
	if rows := site.Count(both); rows != 22 {
		t.Errorf("there are %d sessions and %d payloads", rows/10, rows%10)
	}
	site.WithCookie(away).Get("/dashboard").LeadsToSignIn()

	site.Change(`UPDATE sessions SET seen = seen - 3600`)
	site.Stop()
	again := sitetest.StartOn(t, site.File)
	sitetest.Must(t, again.DB.SetIdle(t.Context(), 24*time.Hour))
	for _, cookie := range []string{left.Cookie(), used.Cookie(), away} {
		again.WithCookie(cookie).Get("/dashboard").LeadsToSignIn()
	}
	if rows := again.Count(both); rows != 0 {
		t.Errorf("after a start with a longer limit there are %d sessions and %d payloads", rows/10, rows%10)
	}
}

// TestS8AnIdleEndCountsOnEveryServer, also on one whose clock is behind.
func TestS8AnIdleEndCountsOnEveryServer(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	other := sitetest.StartOn(t, site.File)
	site.DB.Idle, other.DB.Idle = 30*time.Minute, 30*time.Minute
	ada := site.SignIn("ada")
	site.Advance(30*time.Minute - 5*time.Second)
	ada.Get("/dashboard").Answers(200)
	other.Advance(31 * time.Minute)
	other.WithCookie(ada.Cookie()).Get("/dashboard").Answers(200)
	other.Advance(31 * time.Minute)
	if answer := other.WithCookie(ada.Cookie()).Do("HEAD", "/dashboard", nil); answer.Response.StatusCode != 303 || site.Count(`SELECT COUNT(*) FROM sessions`) != 1 {
		t.Errorf("a HEAD is answered %d, or ended the session", answer.Response.StatusCode)
	}
	other.WithCookie(ada.Cookie()).Get("/dashboard").LeadsToSignIn()
	ada.Get("/dashboard").LeadsToSignIn()
}

// TestAUserHasSoManySessionsAtMost, also when there were more in the database
// already; and no page grows with them.
func TestAUserHasSoManySessionsAtMost(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	eve := site.AddUser("eve", models.Member)
	first := site.SignIn("eve")
	site.Advance(2 * time.Minute)
	second := site.SignIn("eve")
	for range models.MaxSessions - 2 {
		site.Session(eve)
	}
	ada := site.SignIn("ada")
	sessions := func() int {
		return site.Count(`SELECT COUNT(*) FROM sessions WHERE user_id = (SELECT id FROM users WHERE name = 'eve')`)
	}
	if n := sessions(); n != models.MaxSessions {
		t.Fatalf("there are %d sessions", n)
	}
	first.Do("HEAD", "/dashboard", nil).Answers(200) // which is no use of the session
	second.Get("/dashboard").Says("All 100 sessions")
	if n := strings.Count(second.Get("/sessions").Body, `<span class="detail">`); n != models.MaxSessions {
		t.Errorf("%d of the user's own sessions are listed", n)
	}
	ada.Get("/admin/users/" + eve.ID).Says("All 100 sessions").Says(`href="/admin/sessions?user=` + eve.ID + `"`)

	site.Advance(2 * time.Minute)
	second.Get("/dashboard").Answers(200)
	third := site.SignIn("eve")
	if n := sessions(); n != models.MaxSessions {
		t.Errorf("after a further sign-in there are %d sessions", n)
	}
	if n := site.Count(`SELECT COUNT(*) FROM session_payloads`); n > models.MaxSessions+2 {
		t.Errorf("%d payloads are left", n)
	}
	third.Get("/dashboard").Answers(200).Says("Session ended: more than 100")
	second.Get("/dashboard").Answers(200)
	first.Get("/dashboard").LeadsToSignIn()

	site.Change(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
		INSERT INTO sessions (id, user_id, signer, address, browser, created, seen, expires)
		SELECT 'old' || i, u.id, '', '', 'Firefox on Linux', s.created, s.created, s.expires FROM n, users u, sessions s WHERE u.name = 'eve' AND s.id = (SELECT MIN(id) FROM sessions)`)
	for _, path := range []string{"/dashboard", "/sessions", "/activity", "/account"} {
		if size := len(third.Get(path).Answers(200).Body); size > 150_000 {
			t.Errorf("with 5,100 sessions %s has %d bytes", path, size)
		}
	}
	if size := len(ada.Get("/admin/users/" + eve.ID).Answers(200).Body); size > 150_000 {
		t.Errorf("the page for administrators has %d bytes", size)
	}
	third.Get("/sessions").Says("and 4999 more")
	site.SignIn("eve")
	if n := sessions(); n != models.MaxSessions {
		t.Errorf("after another sign-in there are %d sessions", n)
	}
}

func TestS9ASignInUnderWayDoesNotOutliveWhatEndsIt(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	for name, change := range map[string]func(*models.User) error{
		"disabled": func(u *models.User) error { return site.DB.SetDisabled(t.Context(), u, true, models.CommandLine) },
		"password": func(u *models.User) error {
			return site.DB.SetPassword(t.Context(), u, "another walk in the grass", models.CommandLine)
		},
		"removed": func(u *models.User) error { return site.DB.RemoveUser(t.Context(), u, models.CommandLine) },
	} {
		verified := *site.AddUser(name, models.Member) // as Authenticate returned it
		sitetest.Must(t, change(site.User(name)))
		_, err := site.DB.AddSession(t.Context(), models.SignIn{ID: name, User: &verified, Lifetime: time.Hour})
		if !errors.Is(err, models.ErrRefused) {
			t.Errorf("%s: the sign-in that was under way ends with: %v", name, err)
		}
	}
}

func TestS9ChangingThePassword(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	ada, other := site.SignIn("ada"), site.SignIn("ada")
	before := ada.Cookie()
	const next = "another walk in the grass"
	for _, test := range []struct{ current, password, says string }{
		{"", next, "Enter your password."},
		{"not the password", next, "not your current password"},
		{sitetest.Password, "short", "at least 15"},
		{sitetest.Password, "ada ada ada ada ada", "easy to guess"},
		{sitetest.Password, sitetest.Password, "This is the current password."},
		{sitetest.Password, strings.Repeat("x", 1025), "too long"},
		{strings.Repeat("x", 1025), next, "at most 1024 bytes"},
	} {
		ada.Post("/account/password", "current", test.current, "password", test.password).Answers(422).Says(test.says).SetsNoCookie()
	}
	if ada.Cookie() != before {
		t.Fatal("a refused change gave another ID")
	}
	other.Get("/dashboard").Answers(200)

	site.Advance(20 * time.Hour)
	answer := ada.Post("/account/password", "current", sitetest.Password, "password", next).LeadsTo("/account")
	ada.Get("/account").Says("Your password was changed")
	if page := ada.Get("/account").Answers(200); strings.Contains(page.Body, "Your password was changed") {
		t.Error("the message is shown twice")
	}
	if cookie := answer.Response.Cookies()[0]; cookie.Value == before || cookie.MaxAge > 4*3600 || cookie.MaxAge < 4*3600-60 {
		t.Errorf("the new cookie is %v", cookie) // another ID, and no longer a day
	}
	other.Get("/dashboard").LeadsToSignIn()
	site.WithCookie(before).Get("/dashboard").LeadsToSignIn()
	for _, table := range []string{"sessions", "session_payloads"} {
		if rows := site.Count(`SELECT COUNT(*) FROM ` + table); rows != 1 {
			t.Errorf("%s has %d rows", table, rows)
		}
	}
	site.Visitor().Login("ada", sitetest.Password).Answers(422)
	site.SignInWith("ada", next)
	site.Advance(5 * time.Hour)
	ada.Get("/dashboard").LeadsToSignIn() // the day of the sign-in is over
}

func TestEndingSessionsInTheBrowser(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.AddUser("eve", models.Member)
	ada, phone, eve := site.SignIn("ada"), site.SignIn("ada"), site.SignIn("eve")
	ids := map[string][]string{}
	for _, name := range []string{"ada", "eve"} {
		sessions, _, err := site.DB.SessionsOf(t.Context(), site.User(name), models.MaxSessions)
		sitetest.Must(t, err)
		for _, session := range sessions {
			ids[name] = append(ids[name], session.ID)
		}
	}
	mine := regexp.MustCompile(`(?s)this device</span></span>.*?action="/sessions/([^/]+)/end"`).FindStringSubmatch(ada.Get("/sessions").Body)
	if mine == nil {
		t.Fatal("no session is marked as this device")
	}
	theOther := ids["ada"][0]
	if theOther == mine[1] {
		theOther = ids["ada"][1]
	}

	// Not somebody else's, not what is not there; not an administrator's page.
	for _, id := range []string{ids["ada"][0], "nothing", "%00", strings.Repeat("x", 500)} {
		eve.Post("/sessions/" + id + "/end").Answers(404)
	}
	eve.Get("/admin/sessions").Answers(403).Says("Your account doesn&#39;t have access")
	eve.Post("/admin/sessions/" + theOther + "/end").Answers(403)
	if page := eve.Get("/dashboard").Answers(200); strings.Contains(page.Body, "/admin") {
		t.Error("a member sees what only administrators may open")
	}
	phone.Get("/dashboard").Answers(200)

	ada.Post("/sessions/" + theOther + "/end").LeadsTo("/sessions")
	phone.Get("/dashboard").LeadsToSignIn()
	ada.Get("/sessions").Says("The session was ended.")
	ada.Post("/sessions/" + theOther + "/end").Answers(404)

	third := site.SignIn("ada")
	ada.Post("/sessions/end").LeadsTo("/sessions")
	third.Get("/dashboard").LeadsToSignIn()

	ada.Get("/admin/sessions").Answers(200).Says("eve")
	ada.Post("/admin/sessions/" + ids["eve"][0] + "/end").LeadsTo("/admin/sessions")
	eve.Get("/dashboard").LeadsToSignIn()

	ada.Post("/sessions/" + mine[1] + "/end").LeadsTo("/login?left=1")
	ada.Get("/dashboard").LeadsToSignIn()
}

// TestS9NothingInFlightRevivesASession races what ends a session against
// readers, writers and sign-ins, round after round.
func TestS9NothingInFlightRevivesASession(t *testing.T) {
	t.Parallel()
	rounds := 200
	if testing.Short() {
		rounds = 20
	}
	site := sitetest.Start(t)
	site.AddUser("root", models.Admin)
	root := site.SignIn("root")
	ends := []struct {
		name string
		end  func(ada *sitetest.Browser, session *models.Session)
	}{
		{"sign-out", func(ada *sitetest.Browser, _ *models.Session) { ada.Post("/logout") }},
		{"revoking", func(ada *sitetest.Browser, s *models.Session) { ada.Post("/sessions/" + s.ID + "/end") }},
		{"an administrator", func(_ *sitetest.Browser, s *models.Session) {
			root.Post("/admin/sessions/" + s.ID + "/end").LeadsTo("/admin/sessions")
		}},
		{"a new password", func(_ *sitetest.Browser, s *models.Session) {
			if err := site.DB.SetPassword(t.Context(), site.User("ada"), "another walk in the grass", models.CommandLine); err != nil {
				t.Error(err)
			}
		}},
		{"expiry", func(_ *sitetest.Browser, s *models.Session) {
			site.Change(`UPDATE sessions SET expires = 1 WHERE id = '` + s.ID + `'`)
			site.Change(`UPDATE session_payloads SET e = 61 WHERE k = '` + s.ID + `'`)
			if err := site.DB.Sweep(t.Context()); err != nil {
				t.Error(err)
			}
		}},
		{"from elsewhere", func(_ *sitetest.Browser, s *models.Session) {
			if _, err := site.DB.EndSessionsOf(t.Context(), &s.User, models.CommandLine); err != nil {
				t.Error(err)
			}
		}},
		{"disabling", func(_ *sitetest.Browser, s *models.Session) {
			if err := site.DB.SetDisabled(t.Context(), &s.User, true, models.CommandLine); err != nil {
				t.Error(err)
			}
		}},
	}
	for round := range rounds {
		end := ends[round%len(ends)]
		user := site.User("ada")
		id, cookie := site.Session(user) // without the form: the password's hash is not what is raced
		ada := site.WithCookie(cookie)
		session, err := site.DB.Session(t.Context(), id)
		sitetest.Must(t, err)

		var flight sync.WaitGroup
		for i := range 6 {
			flight.Go(func() { ada.Get("/dashboard") })
			flight.Go(func() { site.DB.SetValue(t.Context(), session, fmt.Sprint(i), "value") })
			flight.Go(func() { site.DB.Touch(t.Context(), &models.Session{ID: id}) })
		}
		flight.Go(func() { site.Session(user) })
		end.end(ada, session)
		ada.Get("/dashboard").LeadsToSignIn() // from now on, whatever is still in flight
		flight.Wait()
		ada.Get("/dashboard").LeadsToSignIn()
		if end.name == "disabling" {
			sitetest.Must(t, site.DB.SetDisabled(t.Context(), user, false, models.CommandLine))
			ada.Get("/dashboard").LeadsToSignIn()
		}
		if alive := site.Count(`SELECT (SELECT COUNT(*) FROM sessions WHERE id = '` + id + `') + (SELECT COUNT(*) FROM session_payloads WHERE k = '` + id + `') + (SELECT COUNT(*) FROM session_values WHERE session_id = '` + id + `')`); alive != 0 {
			t.Fatalf("round %d, %s: %d rows of the session live", round, end.name, alive)
		}
	}
	t.Logf("%d rounds, no session revived", rounds)
}

func TestEndingUnderLoad(t *testing.T) {
	sitetest.RealHashes(t)
	folder := t.TempDir()
	sitetest.Must(t, os.Mkdir(filepath.Join(folder, "data"), 0o700))
	db, err := models.Open(t.Context(), filepath.Join(folder, "data/daypass.db"))
	sitetest.Must(t, err)
	_, err = db.AddUser(t.Context(), models.NewUser{Name: "ada", Password: sitetest.Password, Role: models.Admin}, models.CommandLine)
	sitetest.Must(t, err)
	sitetest.Must(t, db.Close())
	p := sitetest.Launch(t, folder)
	began := make(chan struct{}, 64)
	var answered, broken atomic.Int32
	var load sync.WaitGroup
	for range 16 {
		load.Go(func() {
			connection, err := net.Dial("tcp", strings.Replace(strings.TrimPrefix(p.URL, "http://"), "localhost", "127.0.0.1", 1))
			if err != nil {
				t.Error(err)
				return
			}
			defer connection.Close()
			form := url.Values{"username": {"ada"}, "password": {sitetest.Password}}.Encode()
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
	p.Stop()
	load.Wait()
	if broken.Load() > 0 || answered.Load() != 16 {
		t.Errorf("%d requests were answered, %d were not", answered.Load(), broken.Load())
	}
	if _, err := http.Get(p.URL + "/healthz"); err == nil {
		t.Error("it still answers")
	}
}
