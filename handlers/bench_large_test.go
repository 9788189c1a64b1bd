package handlers

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"daypass/models"
)

// crowd is how many log in at once.
const crowd = 256

// fill adds users and sessions of theirs to a database, a tenth as many with
// -short, and returns how many bytes a session takes.
func fill(b *testing.B, file string, users, sessions int, expires time.Time) (bytesPerSession float64) {
	b.Helper()
	if testing.Short() {
		users, sessions = users/10, sessions/10
	}
	db, err := sql.Open("sqlite3", file+"?_busy_timeout=5000&_journal_mode=WAL&_synchronous=OFF")
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	run := func(statement string, args ...any) {
		b.Helper()
		if _, err := db.Exec(statement, args...); err != nil {
			b.Fatalf("%s: %v", statement, err)
		}
	}
	size := func() (bytes float64) {
		b.Helper()
		if err := db.QueryRow(`SELECT page_count * page_size FROM pragma_page_count, pragma_page_size`).Scan(&bytes); err != nil {
			b.Fatal(err)
		}
		return bytes
	}
	run(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
		INSERT INTO users (id, name, name_key, full_name, role, disabled, created, password)
		SELECT printf('U%025d', i), 'user' || i, 'user' || i, 'User Number ' || i, 'member', FALSE, 1700000000, hex(randomblob(48)) FROM n`, users)
	before := size()
	// What a sign-in writes, but for its event: that is kept for a year.
	run(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
		INSERT INTO sessions (id, user_id, signer, address, browser, created, seen, expires)
		SELECT substr(hex(randomblob(13)), 1, 26), printf('U%025d', 1 + abs(random()) % $2), 'abcdef01', '203.0.113.' || (i % 250), 'Firefox on Linux', $3, $3 + i % 1000, $4 + i % 1000 FROM n`,
		sessions, users, expires.Add(-24*time.Hour).Unix(), expires.Unix())
	run(`INSERT INTO session_payloads (k, v, e) SELECT id, randomblob(61), expires FROM sessions WHERE browser = 'Firefox on Linux'`)
	after := size()
	run(`INSERT INTO events (id, user_id, kind, at, address, browser)
		SELECT hex(randomblob(16)), id, CASE WHEN random() % 10 = 0 THEN 'failed sign-in' ELSE 'sign-in' END, unixepoch() - abs(random()) % 1000000, '203.0.113.9', 'Firefox on Linux'
		FROM users, (SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5) WHERE name LIKE 'user%'`)
	run(`PRAGMA wal_checkpoint(TRUNCATE)`)
	return (after - before) / float64(sessions)
}

// BenchmarkMillion is the dashboard with 1,000,000 live sessions, 100,000 users
// and 500,000 events in the database, against one with 1,000 sessions, 100 users
// and 500 events: kept, and made anew for each request.
func BenchmarkMillion(b *testing.B) {
	var clients, anew [2]*client
	var perSession float64
	for i, size := range []struct{ users, sessions int }{{100, 1000}, {100_000, 1_000_000}} {
		file := filepath.Join(b.TempDir(), "daypass.db")
		app := newAppOn(b, file)
		perSession = fill(b, file, size.users, size.sessions, time.Now().Add(23*time.Hour))
		site := serveOn(b, app)
		cookie := signedInCookie(b, site.url)
		clients[i], anew[i] = newClient(site.url+"/dashboard", cookie), newClient(site.url+"/dashboard?anew", cookie)
	}
	var few, many, fewAnew, manyAnew timing
	for b.Loop() {
		few.add(clients[0].ask(b, fiber.StatusOK, times(batch)))
		many.add(clients[1].ask(b, fiber.StatusOK, times(batch)))
		fewAnew.add(anew[0].ask(b, fiber.StatusOK, times(batch/10)))
		manyAnew.add(anew[1].ask(b, fiber.StatusOK, times(batch/10)))
	}
	b.ReportMetric(manyAnew.perSecond(), "anew-req/s")
	b.ReportMetric(manyAnew.perSecond()/fewAnew.perSecond(), "anew-ratio")
	b.ReportMetric(many.perSecond(), "req/s")
	b.ReportMetric(many.perSecond()/few.perSecond(), "ratio")
	b.ReportMetric(perSession, "bytes/session")
	b.ReportMetric(0, "ns/op")
}

// gather adds a crowd of users who have the password of the one who is there.
func gather(b *testing.B, file string) {
	b.Helper()
	db, err := sql.Open("sqlite3", file+"?_busy_timeout=5000")
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < $1 - 1)
		INSERT INTO users (id, name, name_key, full_name, role, disabled, created, password)
		SELECT 'crowd' || i, 'crowd' || i, 'crowd' || i, '', 'member', FALSE, 1700000000, password FROM n, users WHERE name = $2`, crowd, benchName); err != nil {
		b.Fatal(err)
	}
}

// logIn lets the crowd log in again and again until ctx ends, and returns how long each took.
func logIn(b *testing.B, ctx context.Context, site string) timing {
	client := newClient(site, "").HostClient
	client.MaxConns = crowd
	return load(b, client, crowd, fiber.StatusSeeOther, func() bool { return ctx.Err() == nil }, func(worker int) *fasthttp.Request {
		return posted(site+"/login", formOf(worker), "")
	})
}

// formOf is the sign-in of one of the crowd.
func formOf(number int) string {
	return url.Values{"username": {fmt.Sprint("crowd", number)}, "password": {benchWord}}.Encode()
}

// spell is how long a load goes on at a time.
const spell = 2 * time.Second

// during lets something be done for a spell.
func during(spell time.Duration) func() bool {
	end := time.Now().Add(spell)
	return func() bool { return time.Now().Before(end) }
}

// BenchmarkBrowsingDuringLogins is the dashboard while 256 clients log in again
// and again, against itself while nobody does.
func BenchmarkBrowsingDuringLogins(b *testing.B) {
	file := filepath.Join(b.TempDir(), "daypass.db")
	site := serveOn(b, newAppOn(b, file))
	gather(b, file)
	client := newClient(site.url+"/dashboard", signedInCookie(b, site.url))
	var calm, disturbed, logins timing
	for b.Loop() {
		calm.add(client.ask(b, fiber.StatusOK, during(spell)))
		ctx, cancel := context.WithCancel(b.Context())
		done := make(chan timing)
		go func() { done <- logIn(b, ctx, site.url) }()
		time.Sleep(spell / 4) // until all of them wait
		disturbed.add(client.ask(b, fiber.StatusOK, during(spell)))
		cancel()
		logins.add(<-done)
	}
	b.ReportMetric(disturbed.perSecond(), "req/s")
	b.ReportMetric(disturbed.perSecond()/calm.perSecond(), "ratio")
	b.ReportMetric(disturbed.p99(), "p99-ms")
	b.ReportMetric(calm.p99(), "calm-p99-ms")
	b.ReportMetric(logins.perSecond(), "logins/s")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkExpiry is browsing, and logging in one by one, while 500,000 sessions
// that expired at once are swept, against the same while nothing is.
func BenchmarkExpiry(b *testing.B) {
	file := filepath.Join(b.TempDir(), "daypass.db")
	app := newAppOn(b, file)
	fill(b, file, 50_000, 500_000, time.Now().Add(-time.Hour))
	site := serveOn(b, app)
	gather(b, file)
	client := newClient(site.url+"/dashboard", signedInCookie(b, site.url))
	host := newClient(site.url, "").HostClient
	measure := func(more func() bool) (browsing, logins timing) {
		var group sync.WaitGroup
		group.Go(func() {
			began := time.Now()
			for more() {
				var response fasthttp.Response
				sent := time.Now()
				postForm(b, host, site.url+"/login", formOf(len(logins.each)%crowd), "", &response)
				logins.each = append(logins.each, time.Since(sent))
			}
			logins.whole = time.Since(began)
		})
		browsing = client.ask(b, fiber.StatusOK, more)
		group.Wait()
		return browsing, logins
	}
	calmBrowsing, calmLogins := measure(during(4 * spell))
	var swept time.Duration
	var browsing, logins timing
	for b.Loop() {
		if swept > 0 {
			continue // there is nothing left to sweep
		}
		var done atomic.Bool
		began := time.Now()
		go func() {
			if err := app.db.Sweep(b.Context()); err != nil {
				b.Error(err)
			}
			swept = time.Since(began)
			done.Store(true)
		}()
		browsing, logins = measure(func() bool { return !done.Load() })
	}
	b.ReportMetric(swept.Seconds(), "s")
	b.ReportMetric(browsing.p99(), "p99-ms")
	b.ReportMetric(calmBrowsing.p99(), "calm-p99-ms")
	b.ReportMetric(logins.p99(), "login-p99-ms")
	b.ReportMetric(calmLogins.p99(), "calm-login-p99-ms")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkProcess is the program in a process of its own, with a million
// sessions in its database: its size, how long it takes to its first answer, and
// its memory: idle, while a crowd logs in, and after a minute of full load (a second with -short).
func BenchmarkProcess(b *testing.B) {
	folder := b.TempDir()
	program, file := filepath.Join(folder, "daypass"), filepath.Join(folder, "data", "daypass.db")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", `-s -w -linkmode external -extldflags "-static"`, "-tags", "osusergo netgo sqlite_omit_load_extension", "-o", program, "..")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	info, err := os.Stat(program)
	if err != nil {
		b.Fatal(err)
	}
	db, err := models.Open(b.Context(), file)
	if err != nil {
		b.Fatal(err)
	}
	_, failed := db.AddUser(b.Context(), models.NewUser{Name: benchName, Password: benchWord, Role: models.Admin}, models.CommandLine)
	if err := db.Close(); err != nil || failed != nil {
		b.Fatal(failed, err)
	}
	gather(b, file)
	fill(b, file, 100_000, 1_000_000, time.Now().Add(23*time.Hour))

	minute := time.Minute
	if testing.Short() {
		minute = time.Second
	}
	var starts, idle, during256, after float64
	for b.Loop() {
		if starts > 0 {
			continue // the minute is long enough
		}
		const tries = 5
		for try := range tries {
			process, site, took := startProcess(b, program, file)
			starts += took.Seconds() * 1000 / tries
			if try < tries-1 {
				stopProcess(b, process)
				continue
			}
			time.Sleep(2 * time.Second)
			idle = resident(b, process.Process.Pid)
			cookie := signedInCookie(b, site)
			client := newClient(site+"/dashboard", cookie)
			client.ask(b, fiber.StatusOK, during(minute))
			after = resident(b, process.Process.Pid)
			ctx, cancel := context.WithTimeout(b.Context(), minute/10)
			done := make(chan timing)
			go func() { done <- logIn(b, ctx, site) }()
			for ctx.Err() == nil {
				during256 = max(during256, resident(b, process.Process.Pid))
				time.Sleep(10 * time.Millisecond)
			}
			cancel()
			<-done
			stopProcess(b, process)
		}
	}
	b.ReportMetric(float64(info.Size())/1e6, "MB-binary")
	b.ReportMetric(starts, "ms-to-first-answer")
	b.ReportMetric(idle, "MiB-idle")
	b.ReportMetric(after, "MiB-after-load")
	b.ReportMetric(during256, "MiB-256-logins")
	b.ReportMetric(0, "ns/op")
}

// startProcess starts the program and returns how long it took to its first answer.
func startProcess(b *testing.B, program, file string) (process *exec.Cmd, site string, took time.Duration) {
	b.Helper()
	address := listenOnce(b)
	process = exec.Command(program, "--database", file, "--listen", address)
	began := time.Now()
	if err := process.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { process.Process.Kill(); process.Wait() })
	client := &fasthttp.HostClient{Addr: address}
	for time.Since(began) < 10*time.Second {
		if status, _, err := client.Get(nil, "http://"+address+"/login"); err == nil && status == fiber.StatusOK {
			return process, "http://" + address, time.Since(began)
		}
		time.Sleep(time.Millisecond)
	}
	b.Fatal("the program does not answer")
	return nil, "", 0
}

func stopProcess(b *testing.B, process *exec.Cmd) {
	b.Helper()
	process.Process.Signal(syscall.SIGTERM)
	if err := process.Wait(); err != nil {
		b.Error(err)
	}
}

// resident is the memory of a process in MiB, its program file included.
func resident(b *testing.B, pid int) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Skipf("the memory of a process is not to be seen on %s: %v", runtime.GOOS, err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kilobytes, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	if err != nil {
		b.Fatal(err)
	}
	return kilobytes / 1024
}
