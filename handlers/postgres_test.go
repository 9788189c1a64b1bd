package handlers_test

import (
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"daypass/handlers/sitetest"
	"daypass/models/database/databasetest"
)

// postgresServer starts a server that a test may crash.
func postgresServer(t *testing.T) *databasetest.Server {
	t.Helper()
	databasetest.NeedsPostgres(t)
	server, err := databasetest.Create("synchronous_commit=on") // or it would forget what it acknowledged
	if errors.Is(err, databasetest.ErrMissing) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	sitetest.Must(t, err)
	t.Cleanup(server.Stop)
	sitetest.Must(t, server.Start())
	return server
}

// TestWhatIsNoTextIsNotFound on PostgreSQL, which refuses to look for it, either: neither in
// an address nor in a form.
func TestWhatIsNoTextIsNotFound(t *testing.T) {
	t.Parallel()
	site := sitetest.StartOn(t, databasetest.NewPostgres(t))
	site.AddUser("ada", "admin")
	ada, places := site.SignIn("ada"), 0
	parameter := regexp.MustCompile(`:\w+`)
	for _, route := range site.App.GetRoutes(true) {
		if !parameter.MatchString(route.Path) {
			continue
		}
		for _, text := range []string{"%ff", "%00"} {
			var form url.Values
			if route.Method == http.MethodPost {
				form = url.Values{"name": {"My browser"}}
			}
			if answer := ada.Do(route.Method, parameter.ReplaceAllString(route.Path, text), form); answer.Response.StatusCode >= 500 {
				t.Errorf("%s answers %d", answer.To, answer.Response.StatusCode)
			}
			places++
		}
	}
	if places < 10 {
		t.Errorf("only %d addresses have a place for it", places)
	}
	ada.Post("/sessions/%ff/end").Answers(404)
	for _, text := range []string{"\xff", "\x00"} {
		ada.Post("/activity/mine", "sign-in", text).LeadsTo("/dashboard")
	}
}

// TestS11PostgresThatCrashes gives pages of 503 and no cookie while it is away, and
// nothing has changed when it is back: the sessions, and those that had ended.
func TestS11PostgresThatCrashes(t *testing.T) {
	t.Parallel()
	server := postgresServer(t)
	site := sitetest.StartOn(t, server.NewSchema(t))
	site.AddUser("ada", "admin")
	stays, ended := site.SignIn("ada"), site.SignIn("ada")
	stays.Get("/dashboard").Answers(200)
	ended.Post("/logout")
	for range 3 {
		server.Crash()
		for _, path := range []string{"/dashboard", "/sessions", "/healthz"} {
			stays.Get(path).Answers(http.StatusServiceUnavailable).SetsNoCookie()
		}
		stays.Post("/account/name", "full_name", "Ada").Answers(http.StatusServiceUnavailable).SetsNoCookie()
		site.Visitor().Login("ada", sitetest.Password).Answers(http.StatusServiceUnavailable).SetsNoCookie()
		site.Visitor().Get("/login").Answers(200)

		sitetest.Must(t, server.Start())
		sitetest.Until(t, "the site works again", func() bool { return stays.Get("/dashboard").Response.StatusCode == 200 })
		ended.Get("/dashboard").LeadsToSignIn()
		site.SignIn("ada").Post("/logout")
	}
}

// TestAStandbyIsNotUsed, and said to be one: neither by a server that runs when the
// database becomes one, nor by one that starts, nor by commands.
func TestAStandbyIsNotUsed(t *testing.T) {
	t.Parallel()
	server := postgresServer(t)
	address := server.NewSchema(t)
	site := sitetest.StartOn(t, address)
	site.AddUser("ada", "admin")
	ada := site.SignIn("ada")
	server.Crash()
	sitetest.Must(t, os.WriteFile(filepath.Join(server.Socket(), "data/standby.signal"), nil, 0o644))
	sitetest.Must(t, server.Start())
	for _, path := range []string{"/healthz", "/dashboard", "/sessions"} {
		ada.Get(path).Answers(http.StatusServiceUnavailable).SetsNoCookie()
	}
	site.Visitor().Get("/healthz?live").Answers(200)
	ada.Post("/account/name", "full_name", "Ada").Answers(http.StatusServiceUnavailable).SetsNoCookie()
	site.Visitor().Login("ada", sitetest.Password).Answers(http.StatusServiceUnavailable).SetsNoCookie()
	for _, args := range [][]string{{"serve", "--listen", "127.0.0.1:0"}, {"user", "list"}, {"copy", "--from", filepath.Join(t.TempDir(), "daypass.db"), "--to"}, {"doctor"}} {
		if args[0] == "copy" {
			sitetest.StartOn(t, args[2]).Stop()
			args = append(args, address)
		} else {
			args = append(args, "--database", address)
		}
		if status, out, errs := sitetest.Typed(t, "", args...); status != 1 || strings.Count(out+errs, "is a standby, or read-only; name the primary, or all servers\n") != 1 {
			t.Errorf("%v: status %d: %s%s", args, status, out, errs)
		}
	}
	sitetest.Must(t, server.Promote())
	sitetest.Until(t, "the site works again", func() bool { return site.Visitor().Get("/healthz").Response.StatusCode == 200 })
	ada.Get("/dashboard").Answers(200)
}

// TestS11PostgresThatEndsItsConnections, as a failover does, is asked over new ones.
func TestS11PostgresThatEndsItsConnections(t *testing.T) {
	t.Parallel()
	server := postgresServer(t)
	site := sitetest.StartOn(t, server.NewSchema(t))
	site.AddUser("ada", "admin")
	ada := site.SignIn("ada")
	for range 5 {
		site.Query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND application_name LIKE 'daypass %'`)
		sitetest.Until(t, "all connections are new", func() bool {
			answer := ada.Get("/sessions?anew")
			if status := answer.Response.StatusCode; status != 200 && status != 503 {
				t.Errorf("it answered %d", status)
			}
			return answer.Response.StatusCode == 200
		})
	}
}
