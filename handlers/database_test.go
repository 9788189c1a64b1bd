package handlers_test

import (
	"bufio"
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"daypass/handlers"
	"daypass/handlers/sitetest"
	"daypass/models"
	"daypass/models/database/databasetest"
)

// TestHealthzIsIllWhenPagesAre: whatever of what they read is damaged.
func TestHealthzIsIllWhenPagesAre(t *testing.T) {
	t.Parallel()
	for _, table := range []string{"users", "sessions", "sqlite_autoindex_sessions_1", "session_payloads", "events_user"} {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			site := sitetest.Start(t)
			site.AddUser("bob", models.Member)
			site.SignIn("bob")
			ada := site.SignIn("ada")
			site.Visitor().Get("/healthz").Answers(200)
			mend := site.Damage(table)
			if status := ada.Get("/dashboard?anew").Response.StatusCode; status != 503 {
				t.Errorf("the page answers %d", status)
			}
			sitetest.Until(t, "healthz says so", func() bool { return site.Visitor().Get("/healthz").Response.StatusCode == 503 })
			site.Visitor().Get("/healthz?live").Answers(200)
			mend()
		})
	}
}

// TestAnOlderServerWorksBesideANewerOne, whose migration adds what the older one does
// not know: it goes on, and comes back after a restart, as in a rolling upgrade.
func TestAnOlderServerWorksBesideANewerOne(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	ada := site.SignIn("ada")
	for _, statement := range []string{
		`ALTER TABLE users ADD COLUMN nickname TEXT NOT NULL DEFAULT ''`,
		`ALTER TABLE sessions ADD COLUMN score BIGINT NOT NULL DEFAULT 0`,
		`CREATE TABLE badges (user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE, name TEXT NOT NULL)`,
		`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9000, TRUE)`,
	} {
		site.Change(statement)
	}
	works := func() {
		t.Helper()
		ada.Get("/dashboard").Answers(200)
		site.SignIn("ada").Post("/logout").LeadsTo("/login?left=1")
		ada.Get("/admin/users").Answers(200).Says("ada")
		ada.Post("/account/name", "full_name", "Ada Lovelace").LeadsTo("/account")
		ada.Post("/account/data.json").Answers(200)
		site.Visitor().Get("/healthz").Answers(200)
	}
	works()
	old := ada.Cookie()
	site = site.Restart()
	site.WithCookie(old).Get("/dashboard").Answers(200)
	ada = site.SignIn("ada")
	works()
}

// TestAServerThatStopsIsLeftFirst by load balancers: it says that it is not ready, and
// answers everything else, until they have noticed.
func TestAServerThatStopsIsLeftFirst(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t, func(c *handlers.Config) { c.Drain = 3 * time.Second })
	ada, address := site.SignIn("ada"), strings.TrimPrefix(site.URL, "http://")
	begun, err := net.Dial("tcp", address)
	sitetest.Must(t, err)
	defer begun.Close()
	waits, err := net.Dial("tcp", address)
	sitetest.Must(t, err)
	defer waits.Close()
	read := func(from net.Conn) *http.Response {
		t.Helper()
		sitetest.Must(t, from.SetReadDeadline(time.Now().Add(time.Minute)))
		response, err := http.ReadResponse(bufio.NewReader(from), nil)
		sitetest.Must(t, err)
		io.Copy(io.Discard, response.Body)
		return response
	}
	fmt.Fprint(waits, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	if response := read(waits); response.StatusCode != 200 || response.Close {
		t.Errorf("before: %d, and closes: %t", response.StatusCode, response.Close)
	}
	stopped := make(chan struct{})
	go func() {
		site.Stop()
		close(stopped)
	}()
	sitetest.Until(t, "it is not ready any more", func() bool { return site.Visitor().Get("/healthz").Response.StatusCode == 503 })
	site.Visitor().Get("/healthz?live").Answers(200)
	if answer := ada.Get("/dashboard").Answers(200); !answer.Response.Close {
		t.Error("the connection stays open while the server drains")
	}
	fmt.Fprint(begun, "GET /healthz?live HTTP/1.1\r\n")
	if _, err := waits.Read(make([]byte, 1)); !errors.Is(err, io.EOF) { // at the shutdown
		t.Errorf("a connection that waits ends with %v", err)
	}
	fmt.Fprint(begun, "Host: x\r\n\r\n")
	if response := read(begun); response.StatusCode != 200 || !response.Close {
		t.Errorf("a request that had begun is answered %d, and its connection closes: %t", response.StatusCode, response.Close)
	}
	<-stopped
}

// TestAnErrorOfOurOwnIsNotADatabaseThatFails: nobody is told to try again, and
// the reference leads to the line in the log.
func TestAnErrorOfOurOwnIsNotADatabaseThatFails(t *testing.T) {
	t.Parallel()
	databasetest.OnlySQLite(t, "on a server somebody may be changing the schema at the moment")
	site := sitetest.Start(t)
	ada := site.SignIn("ada")
	site.Change(`ALTER TABLE sessions RENAME TO out_of_reach`)
	page := ada.Get("/sessions?anew").Answers(500).SetsNoCookie()
	reference := regexp.MustCompile(`<code>(\w+)</code>`).FindStringSubmatch(page.Body)
	if reference == nil || !strings.Contains(site.Log.String(), "request="+reference[1]) {
		t.Errorf("no reference to the log:\n%s", page.Body)
	}
	if strings.Contains(page.Body, "Nothing was lost") || page.Response.Header.Get("Retry-After") != "" {
		t.Errorf("it is said to be for a moment:\n%s", page.Body)
	}
}

func TestS11ADamagedPayloadEndsThatSessionAlone(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	for _, damage := range []string{
		`UPDATE session_payloads SET v = ` + sitetest.Bytes(0, 255, 0, 255) + ` WHERE k = `,
		`UPDATE session_payloads SET v = ` + sitetest.Bytes() + ` WHERE k = `,
		`UPDATE session_payloads SET v = ` + sitetest.Bytes(make([]byte, 70000)...) + ` WHERE k = `,
		`DELETE FROM session_payloads WHERE k = `,
	} {
		ada := site.SignIn("ada")
		id := site.SessionID()
		whole := site.SignIn("ada")
		site.Change(damage + `'` + id + `'`)

		ada.Get("/dashboard").LeadsToSignIn()
		whole.Get("/dashboard").Answers(200).Says("Session ended")
		if site.Count(`SELECT COUNT(*) FROM sessions`) != 1 {
			t.Error("the damaged session goes on")
		}
		whole.Post("/logout")
	}
}

func TestS11ALockedDatabase(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it waits for a locked database")
	}
	site := sitetest.Start(t)
	ada, out := site.SignIn("ada"), site.SignIn("ada")
	other, err := sql.Open("sqlite3", site.File+"?_txlock=immediate")
	sitetest.Must(t, err)
	defer other.Close()
	lock, err := other.Begin()
	sitetest.Must(t, err)

	var waiting sync.WaitGroup
	waiting.Go(func() { site.Visitor().Login("ada", sitetest.Password).Answers(503).SetsNoCookie() })
	waiting.Go(func() { out.Post("/logout").Answers(503).SetsNoCookie() })
	for range 20 { // meanwhile people read
		ada.Get("/dashboard").Answers(200)
	}
	waiting.Wait() // longer than the database is waited for
	sitetest.Must(t, lock.Rollback())
	out.Get("/dashboard").Answers(200)
	out.Post("/logout").LeadsTo("/login?left=1")
	site.SignIn("ada")
}

func TestS11ARemovedDatabase(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	p, site := sitetest.LaunchWithUser(t, folder)
	ada := site.SignIn("ada")
	aside := site.File + ".aside"
	sitetest.Must(t, os.Rename(site.File, aside))
	ada.Get("/dashboard").Answers(503).Says("restart").SetsNoCookie()
	ada.Login("ada", sitetest.Password).Answers(503).SetsNoCookie() // nobody would find it again
	ada.Post("/logout").Answers(503)
	sitetest.Must(t, os.Rename(aside, site.File))
	ada.Get("/dashboard").Answers(503) // who knows what was done to it meanwhile
	p.Stop()

	p = sitetest.Launch(t, folder)
	site.URL = p.URL
	site.WithCookie(ada.Cookie()).Get("/dashboard").Answers(200)
	site.SignIn("ada")
	p.Stop()
}

// TestS11TheLogIsRemoved: what is only in it is saved, and the rest waits for a
// restart, since no other process would find what is written to it.
func TestS11TheLogIsRemoved(t *testing.T) {
	t.Parallel()
	for _, parts := range [][]string{{"-wal"}, {"-shm"}, {"-wal", "-shm"}} {
		folder := t.TempDir()
		p, site := sitetest.LaunchWithUser(t, folder)
		ada := site.SignIn("ada")
		for _, part := range parts {
			sitetest.Must(t, os.Remove(site.File+part))
		}
		site.Visitor().Get("/healthz").Answers(503).Says("restart")
		ada.Get("/sessions?anew").Answers(503).Says("restart")
		site.Visitor().Login("ada", sitetest.Password).Answers(503)
		sitetest.Must(t, p.Process.Process.Kill())
		p.Process.Wait()

		p = sitetest.Launch(t, folder)
		site.URL = p.URL
		site.Visitor().Get("/healthz").Answers(200)
		site.WithCookie(ada.Cookie()).Get("/dashboard").Answers(200)
		p.Stop()
	}
}

// TestS11TheDatabaseIsReplacedUnderLoad puts another database in the place of
// the open one, while people use the program.
func TestS11TheDatabaseIsReplacedUnderLoad(t *testing.T) {
	t.Parallel()
	rounds := 3
	if testing.Short() {
		rounds = 1
	}
	for range rounds {
		folder := t.TempDir()
		file := filepath.Join(folder, "data/daypass.db")
		p, site := sitetest.LaunchWithUser(t, folder)
		ada := site.SignIn("ada")
		other := sitetest.StartOn(t, filepath.Join(folder, "other/daypass.db"))
		other.AddUser("eve", models.Admin)
		other.Stop()

		stop, working := make(chan struct{}), make(chan struct{}, 1000)
		var load sync.WaitGroup
		cookie := ada.Cookie()
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
					request, _ := http.NewRequest("GET", p.URL+"/link?token=x", nil)
					switch {
					case worker == 0:
						request, _ = http.NewRequest("POST", p.URL+"/login", strings.NewReader(url.Values{"username": {"ada"}, "password": {sitetest.Password}}.Encode()))
						request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
					case worker == 1:
						request, _ = http.NewRequest("GET", fmt.Sprintf("%s/sessions?%d", p.URL, i), nil)
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
		before, err := os.ReadFile(other.File)
		sitetest.Must(t, err)
		sitetest.Must(t, os.Rename(other.File, file))
		site.Visitor().Get("/link?token=x").Answers(503).Says("restart")
		for range 500 {
			<-working
		}
		close(stop)
		load.Wait()
		for _, path := range []string{"/", "/login", "/healthz", "/setup", "/nothing"} {
			site.Visitor().Get(path).Answers(503).SetsNoCookie()
		}
		ada.Get("/dashboard").Answers(503)
		ada.Post("/logout").Answers(503).Says("restart")
		site.Visitor().Login("ada", sitetest.Password).Answers(503).SetsNoCookie()
		if said := strings.Count(p.Out.String(), "removed or replaced"); said != 1 {
			t.Errorf("the log says it %d times:\n%s", said, p.Out)
		}
		p.Stop()
		if after, err := os.ReadFile(file); err != nil || !bytes.Equal(before, after) {
			t.Errorf("something was written into the new file: %v", err)
		}

		p = sitetest.Launch(t, folder)
		site = &sitetest.Site{T: t, URL: p.URL, File: file}
		site.Visitor().Login("ada", sitetest.Password).Answers(422)
		site.SignIn("eve").Get("/dashboard").Answers(200)
		p.Stop()
		if whole := site.Integrity(); whole != "ok" {
			t.Errorf("the new database is %s", whole)
		}
	}
}

// TestACommandBesideAServerWhoseDatabaseWasReplaced works on the new file alone.
func TestACommandBesideAServerWhoseDatabaseWasReplaced(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	p, site := sitetest.LaunchWithUser(t, folder)
	ada := site.SignIn("ada")
	other := sitetest.StartOn(t, filepath.Join(folder, "other/daypass.db"))
	other.AddUser("eve", models.Admin)
	other.Stop()
	sitetest.Must(t, os.Rename(other.File, site.File))

	status, out, errs := sitetest.Typed(t, "", "user", "list", "--database", site.File)
	if status != 0 || !strings.Contains(out, "eve") || strings.Contains(out, "ada") {
		t.Errorf("status %d:\n%s%s", status, out, errs)
	}
	if _, out, _ := sitetest.Typed(t, "", "doctor", "--database", site.File); !strings.Contains(out, "is a copy that was put in place") {
		t.Errorf("the doctor says\n%s", out)
	}
	site.Visitor().Get("/healthz").Answers(503)
	ada.Post("/logout").Answers(503).Says("restart")
	p.Stop()

	p = sitetest.Launch(t, folder)
	site.URL = p.URL
	site.Visitor().Login("ada", sitetest.Password).Answers(422)
	site.SignIn("eve")
	p.Stop()
	if whole := site.Integrity(); whole != "ok" {
		t.Errorf("the database is %s", whole)
	}
}

// TestACopyIsWrittenOverTheOpenDatabase is what the README asks not to do.
func TestACopyIsWrittenOverTheOpenDatabase(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	p, site := sitetest.LaunchWithUser(t, folder)
	ada := site.SignIn("ada")
	cookie := ada.Cookie()
	saved := filepath.Join(folder, "copy.db")
	site.Change(`VACUUM INTO '` + saved + `'`)
	ada.Post("/logout")
	sitetest.Must(t, exec.Command("cp", saved, site.File).Run())
	site.Visitor().Get("/healthz").Answers(503).Says("restart")
	site.Visitor().Login("ada", sitetest.Password).Answers(503)
	p.Stop()
	was, err := os.ReadFile(saved)
	sitetest.Must(t, err)
	if now, err := os.ReadFile(site.File); err != nil || !bytes.Equal(was, now) {
		t.Errorf("something was written into the copy: %v", err)
	}

	p = sitetest.Launch(t, folder)
	site.URL = p.URL
	site.WithCookie(cookie).Get("/dashboard").LeadsToSignIn()
	site.SignIn("ada")
	p.Stop()
	if whole := site.Integrity(); whole != "ok" {
		t.Errorf("the database is %s", whole)
	}
}

// TestACopyRestoredIntoTheOpenDatabaseRevivesNothing: sqlite3 can restore a copy while
// the program runs, and a copy by .backup can be written over the file unnoticed by SQLite.
func TestACopyRestoredIntoTheOpenDatabaseRevivesNothing(t *testing.T) {
	t.Parallel()
	tool := func(t *testing.T, args ...string) {
		t.Helper()
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v %s", args, err, out)
		}
	}
	for way, restore := range map[string]func(t *testing.T, file, saved string){
		"restored": func(t *testing.T, file, saved string) { tool(t, "sqlite3", file, ".restore "+saved) },
		"written over after a checkpoint": func(t *testing.T, file, saved string) {
			tool(t, "sqlite3", file, "PRAGMA wal_checkpoint(TRUNCATE)")
			tool(t, "cp", saved, file)
		},
	} {
		for _, busy := range []bool{false, true} { // people go on signing in
			t.Run(fmt.Sprintf("%s, busy %t", way, busy), func(t *testing.T) {
				t.Parallel()
				folder := t.TempDir()
				p, site := sitetest.LaunchWithUser(t, folder)
				ada := site.SignIn("ada")
				cookie, saved := ada.Cookie(), filepath.Join(folder, "copy.db")
				tool(t, "sqlite3", site.File, ".backup "+saved)
				ada.Post("/logout").LeadsTo("/login?left=1")
				site.SignIn("ada")
				restore(t, site.File, saved)
				if busy {
					for range 5 {
						site.Visitor().Login("ada", sitetest.Password)
					}
				}
				sitetest.Until(t, "the server notices it", func() bool {
					status := site.WithCookie(cookie).Get("/dashboard").Response.StatusCode
					if status == 200 && way == "restored" { // SQLite tells of that at once; the other is noticed within a second
						t.Fatal("the session is back")
					}
					return status == 503
				})
				site.Visitor().Login("ada", sitetest.Password).Answers(503).Says("restart")
				p.Stop()

				p = sitetest.Launch(t, folder)
				site.URL = p.URL
				site.WithCookie(cookie).Get("/dashboard").LeadsToSignIn()
				site.SignIn("ada")
				p.Stop()
				if whole := site.Integrity(); whole != "ok" {
					t.Errorf("the database is %s", whole)
				}
			})
		}
	}
}

// TestACopyPutInPlaceRevivesNothing: what ended after the copy was made stays ended.
func TestACopyPutInPlaceRevivesNothing(t *testing.T) {
	t.Parallel()
	checkpoint := func(s *sitetest.Site) { s.Change(`PRAGMA wal_checkpoint(TRUNCATE)`) }
	copies := map[string]func(*sitetest.Site, string){
		"vacuumed": func(s *sitetest.Site, to string) { s.Change(`VACUUM INTO '` + to + `'`) },
		"copied": func(s *sitetest.Site, to string) {
			checkpoint(s)
			sitetest.Must(s.T, exec.Command("cp", s.File, to).Run())
		},
		"copied before a checkpoint": func(s *sitetest.Site, to string) {
			checkpoint(s)
			sitetest.Must(s.T, exec.Command("cp", s.File, to).Run())
		},
	}
	ways := map[string]string{"moved": `mv "$1" "$2"`, "written over": `cp "$1" "$2"`, "in its place": `rm "$2"; cp "$1" "$2"`, "with its log removed": `rm -f "$2-wal" "$2-shm"; cp "$1" "$2"`}
	for copied, makeCopy := range copies {
		for way, put := range ways {
			for _, killed := range []bool{false, true} {
				if testing.Short() && (copied != "vacuumed" || !killed) {
					continue
				}
				t.Run(fmt.Sprintf("%s, %s, killed %t", copied, way, killed), func(t *testing.T) {
					t.Parallel()
					folder := t.TempDir()
					p, site := sitetest.LaunchWithUser(t, folder)
					inCopy := site.SignIn("ada")
					old := []string{inCopy.Cookie(), site.SignIn("ada").Cookie()}
					token := inCopy.NewLink("bob")
					var load sync.WaitGroup
					var more []string
					load.Go(func() {
						for range 5 {
							more = append(more, site.SignIn("ada").Cookie())
						}
					})
					saved := filepath.Join(folder, "copy.db")
					makeCopy(site, saved)
					load.Wait()
					inCopy.Post("/logout").LeadsTo("/login?left=1")
					site.Visitor().Post("/link", "token", token, "password", "another walk in the grass").LeadsTo("/dashboard")
					if status, _, errs := sitetest.Typed(t, "", "session", "end", "--all", "--database", site.File); status != 0 {
						t.Fatal(errs)
					}
					if copied == "copied before a checkpoint" {
						checkpoint(site)
					}
					// What is written over together with its log may be all that there was: nothing is lost then.
					whole := copied == "copied" && killed && (way == "written over" || way == "in its place")
					if fresh := site.SignIn("ada").Cookie(); !whole {
						old = append(old, fresh) // not in the copy
					}
					if killed {
						sitetest.Must(t, p.Process.Process.Kill())
						p.Process.Wait()
					} else {
						p.Stop()
					}
					sitetest.Must(t, exec.Command("sh", "-c", put, "sh", saved, site.File).Run())
					// A command that writes does not make it look like the present one.
					for range 5 {
						for _, act := range []string{"disable", "enable"} {
							if status, _, errs := sitetest.Typed(t, "", "user", act, "bob", "--database", site.File); status != 0 {
								t.Fatal(errs)
							}
						}
					}

					p = sitetest.Launch(t, folder)
					site.URL = p.URL
					for _, cookie := range append(old, more...) {
						site.WithCookie(cookie).Get("/dashboard").LeadsToSignIn()
					}
					site.Visitor().Get("/link?token=" + token).Answers(404)
					ada := site.SignIn("ada")
					if !whole {
						if !strings.Contains(p.Out.String(), "copy that was put in place") {
							t.Errorf("the log does not say it:\n%s", p.Out)
						}
						ada.Get("/admin/activity").Says("All sessions ended").Says("restored copy")
					}
					if whole := site.Integrity(); whole != "ok" {
						t.Errorf("the database is %s", whole)
					}

					// From here on it is the present one.
					p.Stop()
					p = sitetest.Launch(t, folder)
					site.URL = p.URL
					site.WithCookie(ada.Cookie()).Get("/dashboard").Answers(200)
					sitetest.Must(t, p.Process.Process.Kill())
					p.Process.Wait()
					p = sitetest.Launch(t, folder)
					site.URL = p.URL
					site.WithCookie(ada.Cookie()).Get("/dashboard").Answers(200)
					p.Stop()
				})
			}
		}
	}
}

func TestS11AFullDisk(t *testing.T) {
	t.Parallel()
	disk := t.TempDir()
	sitetest.Mount(t, disk, "size=2m")
	site := sitetest.StartOn(t, filepath.Join(disk, "daypass.db"))
	site.AddUser("ada", models.Admin)
	ada := site.SignIn("ada")
	rest := filepath.Join(disk, "rest")
	file, err := os.Create(rest)
	sitetest.Must(t, err)
	io.Copy(file, sitetest.Zeros{}) // until it is full
	file.Close()

	var kept []string
	refused := 0
	for range 200 { // what fits is kept, what does not is not promised
		b := site.Visitor()
		answer := b.Login("ada", sitetest.Password)
		if answer.Response.StatusCode == 503 {
			answer.SetsNoCookie()
			if refused++; refused == 3 {
				break
			}
			continue
		}
		answer.LeadsTo("/dashboard")
		kept = append(kept, b.Cookie())
	}
	if refused == 0 {
		t.Fatal("the disk did not fill up")
	}
	ada.Get("/dashboard").Answers(200)
	sitetest.Must(t, os.Remove(rest))
	site.SignIn("ada")
	for _, cookie := range kept {
		site.WithCookie(cookie).Get("/dashboard").Answers(200)
	}
	if whole := site.Integrity(); whole != "ok" {
		t.Errorf("the database is %s", whole)
	}
}

func TestS11GuessesOnAFullDiskAreCounted(t *testing.T) {
	t.Parallel()
	disk := t.TempDir()
	sitetest.Mount(t, disk, "size=2m")
	site := sitetest.StartOn(t, filepath.Join(disk, "daypass.db"))
	site.AddUser("ada", models.Admin)
	rest := filepath.Join(disk, "rest")
	fill := func() {
		file, err := os.OpenFile(rest, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		sitetest.Must(t, err)
		io.Copy(file, sitetest.Zeros{})
		file.Close()
	}
	fill()
	for range 200 {
		if site.Visitor().Login("ada", sitetest.Password).Response.StatusCode == 503 {
			break
		}
	}
	fill()
	for range 100 { // the right one among them opens nothing
		site.Visitor().Login("ada", "not the password").Answers(503)
		site.Visitor().Login("ada", sitetest.Password).Answers(503).SetsNoCookie()
	}
	sitetest.Must(t, os.Remove(rest))
	site.StopClock()
	site.Advance(time.Minute) // those that could not be counted then have expired, and count
	for range 5 {             // the last one is too early if one of those before was checked
		site.Visitor().Login("ada", "not the password")
	}
	site.Visitor().Login("ada", sitetest.Password).Answers(429)
}

// TestS11AReadOnlyDatabase makes the whole disk read-only, as a kernel does
// that has seen it fail.
func TestS11AReadOnlyDatabase(t *testing.T) {
	t.Parallel()
	disk := t.TempDir()
	sitetest.Mount(t, disk, "size=8m")
	file := filepath.Join(disk, "daypass.db")
	site := sitetest.StartOn(t, file)
	site.AddUser("ada", models.Admin)
	site.Stop()
	sitetest.Must(t, exec.Command("mount", "-o", "remount,ro", disk).Run())
	status, _, errs := sitetest.Typed(t, "", "--listen", "127.0.0.1:0", "--database", file)
	if status != 1 || !strings.Contains(errs, "read-only file system") || strings.Count(errs, "\n") != 1 {
		t.Errorf("status %d: %s", status, errs)
	}
}

// TestS11KilledAgainAndAgain kills the program in the middle of a load of
// sign-ins and sign-outs. What was answered holds afterwards.
func TestS11KilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	rounds := 5
	if testing.Short() {
		rounds = 1
	}
	folder := t.TempDir()
	sitetest.Must(t, os.Mkdir(filepath.Join(folder, "data"), 0o700))
	db, err := models.Open(t.Context(), filepath.Join(folder, "data/daypass.db"))
	sitetest.Must(t, err)
	_, err = db.AddUser(t.Context(), models.NewUser{Name: "ada", Password: sitetest.Password, Role: models.Admin}, models.CommandLine)
	sitetest.Must(t, err)
	sitetest.Must(t, db.Close())

	var mutex sync.Mutex
	in, out := map[string]bool{}, map[string]bool{} // cookies that were given, and those whose end was answered
	for range rounds {
		p := sitetest.Launch(t, folder)
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
					response, err := client.PostForm(p.URL+"/login", url.Values{"username": {"ada"}, "password": {sitetest.Password}})
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
					request, _ := http.NewRequest("POST", p.URL+"/logout", nil)
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
		sitetest.Must(t, p.Process.Process.Kill())
		close(stop)
		load.Wait()
		p.Process.Wait()
	}
	p := sitetest.Launch(t, folder)
	site := &sitetest.Site{T: t, URL: p.URL, File: filepath.Join(folder, "data/daypass.db")}
	for cookie := range in {
		site.WithCookie(cookie).Get("/dashboard").Answers(200)
	}
	for cookie := range out {
		site.WithCookie(cookie).Get("/dashboard").LeadsToSignIn()
	}
	if len(in) < rounds || len(out) < rounds {
		t.Errorf("only %d sign-ins and %d sign-outs were tried", len(in), len(out))
	}
	if whole := site.Integrity(); whole != "ok" {
		t.Errorf("the database is %s", whole)
	}
	p.Stop()
	t.Logf("killed %d times: %d sign-ins and %d sign-outs hold", rounds, len(in), len(out))
}
