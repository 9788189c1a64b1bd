package command_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"daypass/handlers"
	"daypass/handlers/sitetest"
	"daypass/models"
	"daypass/models/database/databasetest"
)

// TestS8ARestartOfTheProgramAppliesTheLimitBefore it takes the one it is told now.
func TestS8ARestartOfTheProgramAppliesTheLimitBefore(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := filepath.Join(folder, "data", "daypass.db")
	_, _, errs := sitetest.Typed(t, sitetest.Password+"\n", "--database", file, "user", "add", "ada", "--admin")
	p := sitetest.Launch(t, folder, "--database", file, "--idle", "30m")
	site := &sitetest.Site{T: t, URL: p.URL, File: file}
	cookie := site.SignIn("ada").Cookie()
	site.WithCookie(cookie).Get("/dashboard").Answers(200)
	p.Stop()
	site.Change(`UPDATE sessions SET seen = seen - 3600`)
	p = sitetest.Launch(t, folder, "--database", file, "--idle", "24h")
	site.URL = p.URL
	site.WithCookie(cookie).Get("/dashboard").LeadsToSignIn()
	p.Stop()
	if errs != "" {
		t.Error(errs)
	}
}

func TestTheProgramFromTheFirstStartOn(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	first := sitetest.Launch(t, folder)
	link := regexp.MustCompile(`http://localhost:\d+/setup\?token=(\w+)`).FindStringSubmatch(first.Out.String())
	if link == nil || !strings.HasPrefix(link[0], first.URL) {
		t.Fatalf("no link to the first account:\n%s", first.Out)
	}
	if strings.Contains(first.Out.String()[strings.Index(first.Out.String(), "time="):], link[1]) {
		t.Error("the log has the token")
	}
	site := &sitetest.Site{T: t, URL: first.URL}
	ada := site.Visitor()
	ada.Get(strings.TrimPrefix(link[0], first.URL)).Answers(200)
	ada.Post("/setup", "token", link[1], "username", "ada", "full_name", "", "password", sitetest.Password).LeadsTo("/dashboard")
	ada.Get("/dashboard").Answers(200)
	cookie := ada.Cookie()
	first.Stop()

	// What was acknowledged is there after a restart: the user, the session, the secret.
	second := sitetest.Launch(t, folder)
	if strings.Contains(second.Out.String(), "/setup") {
		t.Error("the second start offers the setup again")
	}
	(&sitetest.Site{T: t, URL: second.URL}).WithCookie(cookie).Get("/dashboard").Answers(200)
	second.Stop()
	for _, name := range []string{"data/daypass.db", "data/secret"} {
		if info, err := os.Stat(filepath.Join(folder, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

// TestTheSetupPageShowsACommandThatWorks for those who have lost the link, however the
// program was started.
func TestTheSetupPageShowsACommandThatWorks(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	sitetest.Must(t, os.Symlink(os.Args[0], filepath.Join(folder, "my dashboard")))
	p := sitetest.LaunchProgram(t, "./my dashboard", folder, "--database", "ada's data/x.db")
	b := (&sitetest.Site{T: t, URL: p.URL}).Visitor()
	page := b.Get("/setup").Answers(403)
	shell := exec.Command("sh", "-c", html.UnescapeString(page.First(`(?s)<textarea id="command"[^>]*>([^<]*)</textarea>`)))
	shell.Dir, shell.Env, shell.Stdin = folder, append(os.Environ(), "BE_THE_PROGRAM=1"), strings.NewReader(sitetest.Password)
	if out, err := shell.CombinedOutput(); err != nil || string(out) != "Added admin (admin).\n" {
		t.Fatalf("%v: %s\n%s", err, shell.Args, out)
	}
	b.Login("admin", sitetest.Password).LeadsTo("/dashboard")
	p.Stop()
}

// TestNobodySeesThePasswordOfTheDatabase on a page, in the log, or in what a command says.
func TestNobodySeesThePasswordOfTheDatabase(t *testing.T) {
	address := databasetest.NewPostgres(t) + "&password=hunter22hunter22"
	t.Setenv("DAYPASS_DATABASE", address)
	p := sitetest.Launch(t, t.TempDir())
	b := (&sitetest.Site{T: t, URL: p.URL}).Visitor()
	page := b.Get("/setup").Answers(403)
	status, out, errs := sitetest.Typed(t, sitetest.Password, "user", "add", "admin", "--admin")
	if command := html.UnescapeString(page.First(`(?s)<textarea id="command"[^>]*>([^<]*)</textarea>`)); status != 0 || !strings.HasSuffix(command, " user add admin --admin") {
		t.Errorf("%s: %d %s", command, status, errs)
	}
	b.Login("admin", sitetest.Password).LeadsTo("/dashboard")
	_, report, _ := sitetest.Typed(t, "", "doctor")
	shown := []string{page.Body, b.Get("/admin").Answers(200).Body, out, errs, report}
	p.Stop()
	t.Setenv("DAYPASS_DATABASE", strings.Replace(address, "user=test", "user=nobody", 1))
	for _, command := range []string{"doctor", "serve", "user list"} {
		status, out, errs := sitetest.Typed(t, "", strings.Fields(command)...)
		if status != 1 {
			t.Errorf("%s: status %d", command, status)
		}
		shown = append(shown, out, errs)
	}
	for _, text := range append(shown, p.Out.String()) {
		if strings.Contains(text, "hunter22") {
			t.Errorf("somebody sees\n%s", text)
		}
	}
}

// TestAMistypedURLIsNoFile that is created, served and named in the log.
func TestAMistypedURLIsNoFile(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, address := range []string{"postgre://user:hunter22@db/daypass", "Postgres://user:hunter22@db/daypass", "host=db password=hunter22"} {
		for _, args := range [][]string{{"user", "list", "--database", address}, {"serve", "--database", address}, {"copy", "--from", address, "--to", "x.db"}} {
			if status, out, errs := sitetest.Typed(t, "", args...); status != 2 || !strings.Contains(errs, "begins with postgres://") || strings.Contains(out+errs, "hunter22") {
				t.Errorf("%v: status %d: %s%s", args, status, out, errs)
			}
		}
	}
	if status, out, errs := sitetest.Typed(t, "", "doctor", "--database", "postgre://user:hunter22@db/daypass"); status != 1 || !regexp.MustCompile(`(?m)^wrong +start +.* begins with postgres://`).MatchString(out) || strings.Contains(out+errs, "hunter22") {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
	if found, err := os.ReadDir("."); err != nil || len(found) > 0 {
		t.Errorf("there are %v, %v", found, err)
	}
}

// TestManyConnectionsShutNobodyOut: a program that may open 300 files gets 2,000
// connections, some of which begin a request. Who is signed in still gets through.
func TestManyConnectionsShutNobodyOut(t *testing.T) {
	t.Parallel()
	if sitetest.OpenFiles(3000) < 3000 {
		t.Skip("too few files may be open here")
	}
	folder := t.TempDir()
	limited := filepath.Join(folder, "limited")
	sitetest.Must(t, os.WriteFile(limited, []byte("#!/bin/sh\nulimit -n 300\nexec '"+os.Args[0]+"' \"$@\"\n"), 0o700))
	p := sitetest.LaunchProgram(t, limited, folder)
	token := regexp.MustCompile(`token=(\w+)`).FindStringSubmatch(p.Out.String())[1]
	site := &sitetest.Site{T: t, URL: strings.Replace(p.URL, "localhost", "127.0.0.1", 1)}
	ada := site.Visitor()
	ada.Client.Transport = &http.Transport{DisableKeepAlives: true}
	ada.Post("/setup", "token", token, "username", "ada", "full_name", "", "password", sitetest.Password).LeadsTo("/dashboard")
	stream, err := ada.Client.Get(site.URL + "/session/watch")
	sitetest.Must(t, err)
	defer stream.Body.Close()

	flood := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 3)}, Timeout: 30 * time.Second}
	var connections []net.Conn
	ada.Client.Timeout = 30 * time.Second // slow, and not for ever
	for i := range 2000 {
		connection, err := flood.Dial("tcp", strings.TrimPrefix(site.URL, "http://"))
		if err != nil {
			t.Fatalf("after %d connections: %v\n%s", i, err, p.Out)
		}
		connections = append(connections, connection)
		if i%3 == 0 {
			fmt.Fprint(connection, "GET /login HTTP/1.1\r\nX-Unfinished: ")
		}
		if i%250 == 249 {
			ada.Get("/dashboard").Answers(200)
		}
	}
	for range 5 {
		ada.Get("/sessions").Answers(200)
	}
	for _, connection := range connections {
		connection.Close()
	}
	ada.Get("/dashboard").Answers(200)
	if lines := strings.Count(p.Out.String(), "level=WARN"); lines == 0 || lines > 3 {
		t.Errorf("%d warnings:\n%s", lines, p.Out)
	}
	ada.Client.Timeout = 0
	ada.Post("/logout").LeadsTo("/login?left=1")
	if rest, err := io.ReadAll(stream.Body); err != nil || !strings.Contains(string(rest), "event: ended") {
		t.Errorf("the open page heard %q, %v", rest, err)
	}
	p.Stop()
}

// TestAClientThatReadsNothingShutsNobodyOut: it asks for much at once on each of its
// connections, so that all of them are in use, while those of others wait for a request.
func TestAClientThatReadsNothingShutsNobodyOut(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it opens 800 connections")
	}
	if sitetest.OpenFiles(3000) < 3000 {
		t.Skip("too few files may be open here")
	}
	folder := t.TempDir()
	limited := filepath.Join(folder, "limited")
	sitetest.Must(t, os.WriteFile(limited, []byte("#!/bin/sh\nulimit -n 300\nexec '"+os.Args[0]+"' \"$@\"\n"), 0o700))
	p := sitetest.LaunchProgram(t, limited, folder)
	address := strings.Replace(strings.TrimPrefix(p.URL, "http://"), "localhost", "127.0.0.1", 1)
	honest, err := net.Dial("tcp", address)
	sitetest.Must(t, err)
	defer honest.Close()
	sitetest.Must(t, honest.SetDeadline(time.Now().Add(60*time.Second)))
	reader := bufio.NewReader(honest)
	ask := func(path string) (body []byte, err error) {
		fmt.Fprintf(honest, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path)
		answer, err := http.ReadResponse(reader, nil)
		if err != nil {
			return nil, err
		}
		defer answer.Body.Close()
		return io.ReadAll(answer.Body)
	}
	page, err := ask("/setup")
	sitetest.Must(t, err)
	style := regexp.MustCompile(`/public/[^"]+\.css`).Find(page)
	much := []byte(strings.Repeat(fmt.Sprintf("GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", style), 200))

	flood := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 3)}, Timeout: 30 * time.Second, Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(file uintptr) { syscall.SetsockoptInt(int(file), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 2304) })
	}}
	for i := range 800 {
		connection, err := flood.Dial("tcp", address)
		if err != nil {
			t.Fatalf("after %d connections: %v", i, err)
		}
		defer connection.Close()
		go connection.Write(much) // blocks until the server has closed it
		if i%20 == 19 {
			if _, err := ask("/healthz"); err != nil {
				t.Fatalf("after %d connections somebody else's was closed: %v\n%s", i+1, err, p.Out)
			}
		}
	}
	sitetest.Until(t, "there are too many connections", func() bool { return strings.Contains(p.Out.String(), "too many connections") })
}

// TestASignalRightAfterTheStartEndsTheServer, also when it comes before the
// server has begun to accept.
func TestASignalRightAfterTheStartEndsTheServer(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it starts the server 300 times")
	}
	db, err := models.Open(t.Context(), filepath.Join(t.TempDir(), "daypass.db"))
	sitetest.Must(t, err)
	defer db.Close()
	for i := range 300 {
		site, err := handlers.New(db, handlers.Config{URL: &url.URL{Scheme: "http", Host: "localhost"}, Secrets: []string{sitetest.SecretA}, Lifetime: time.Hour, Log: db.Log})
		sitetest.Must(t, err)
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		sitetest.Must(t, err)
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
	t.Parallel()
	p := sitetest.Launch(t, t.TempDir())
	address := strings.Replace(strings.TrimPrefix(p.URL, "http://"), "localhost", "127.0.0.1", 1)
	slow, err := net.Dial("tcp", address)
	sitetest.Must(t, err)
	defer slow.Close()
	fmt.Fprint(slow, "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n")
	if line, err := bufio.NewReader(slow).ReadString('\n'); err != nil || !strings.Contains(line, "100") {
		t.Fatalf("%q, %v", line, err)
	}
	sitetest.Must(t, p.Process.Process.Signal(os.Interrupt))
	sitetest.Until(t, "it accepts nobody any more", func() bool {
		connection, err := net.Dial("tcp", address)
		if err == nil {
			connection.Close()
		}
		return err != nil
	})
	done := make(chan error, 1)
	go func() { done <- p.Process.Wait() }()
	sitetest.Until(t, "it has ended", func() bool { // the first one may not have been taken note of yet
		p.Process.Process.Signal(os.Interrupt)
		return len(done) > 0
	})
	var ended *exec.ExitError
	if err := <-done; !errors.As(err, &ended) || ended.Sys().(syscall.WaitStatus).Signal() != syscall.SIGINT {
		t.Errorf("it ended by itself: %v", err)
	}
}

// TestAStrangerCannotFillTheLog sends what is refused, again and again, with as
// much in it as a request may have.
func TestAStrangerCannotFillTheLog(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	p := sitetest.Launch(t, folder)
	site := &sitetest.Site{T: t, URL: p.URL}
	token := regexp.MustCompile(`token=(\w+)`).FindStringSubmatch(p.Out.String())[1]
	site.Visitor().Post("/setup", "token", token, "username", "ada", "password", sitetest.Password).LeadsTo("/dashboard")
	began := len(p.Out.String())
	stranger := site.Visitor()
	stranger.Header.Set("Sec-Fetch-Site", "cross-site")
	stranger.Header.Set("Origin", "https://"+strings.Repeat("x", 8000)+".example")
	for range 110 {
		stranger.Post("/account/name", "full_name", "Eve").Answers(403)
	}
	p.Stop()
	log := p.Out.String()[began:]
	if len(log) > 10_000 || !strings.Contains(log, "more=100") || !strings.Contains(log, "route=/account/name") || strings.Contains(log, "route=/ ") {
		t.Errorf("the log is %d bytes long:\n%.2000s", len(log), log)
	}
}

func TestTheProgramSaysThatItIsEnding(t *testing.T) {
	t.Parallel()
	p := sitetest.Launch(t, t.TempDir())
	p.Stop()
	if said := p.Out.String(); !strings.Contains(said, "Ending: requests under way have ten seconds to finish.") {
		t.Errorf("it says\n%s", said)
	}
}

// TestAServerHasAName in each line of its log and on the System page, where the failed
// sign-ins of all servers are.
func TestAServerHasAName(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	p, _ := sitetest.LaunchWithUser(t, folder)
	p.Stop()
	if strings.Contains(p.Out.String(), "node=") {
		t.Error("the only server has a name in its log")
	}
	var servers []*sitetest.Site
	for _, name := range []string{"left", "right"} {
		p := sitetest.Launch(t, folder, "--node", name)
		site := &sitetest.Site{T: t, URL: p.URL}
		site.Visitor().Login("ada", "not the password").Answers(422)
		servers = append(servers, site)
		_, log, _ := strings.Cut(p.Out.String(), "\ntime=")
		for line := range strings.SplitSeq(strings.TrimSpace(log), "\n") {
			if !strings.Contains(line, " node="+name) {
				t.Errorf("a line without the name: %s", line)
			}
		}
	}
	for i, name := range []string{"left", "right"} {
		servers[i].SignIn("ada").Get("/admin").Answers(200).Says("On this server (" + name + ")").Says("<dt>Failed sign-ins</dt><dd>2 in the last 24 hours</dd>")
	}
}
