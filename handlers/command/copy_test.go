package command_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"daypass/handlers/sitetest"
	"daypass/models"
	"daypass/models/database"
	"daypass/models/database/databasetest"
)

// TestCookiesStayGoodInACopy on another engine, and in a copy back. What was copied away
// can't be changed or started any more, until that is taken back.
func TestCookiesStayGoodInACopy(t *testing.T) {
	t.Parallel()
	folder, back := t.TempDir(), filepath.Join(t.TempDir(), "back.db")
	file, server := filepath.Join(folder, "data", "daypass.db"), databasetest.NewPostgres(t)
	typed := func(want int, args ...string) string {
		t.Helper()
		status, out, errs := sitetest.Typed(t, "", args...)
		if status != want {
			t.Fatalf("%v: status %d: %s%s", args, status, out, errs)
		}
		return out + errs
	}
	p, site := sitetest.LaunchWithUser(t, folder)
	ada := site.SignIn("ada")
	cookie := ada.Cookie()
	for _, way := range []struct{ from, to string }{{file, server}, {server, back}} {
		if out := typed(0, "copy", "--from", way.from, "--to", way.to); !regexp.MustCompile(`(?m)^sessions: [12] rows are equal, checksum \w{16}$`).MatchString(out) {
			t.Errorf("it says\n%s", out)
		}
		// The server that still runs changes nothing that would be lost.
		sitetest.Until(t, "the old server answers no more", func() bool {
			return ada.Post("/account/name", "full_name", "Lost").Response.StatusCode == 503 && site.Visitor().Get("/healthz").Response.StatusCode == 503
		})
		p.Stop()
		typed(1, "--listen", "127.0.0.1:0", "--database", way.from)
		if out := typed(1, "doctor", "--database", way.from); !regexp.MustCompile(`(?m)^wrong +start +.* was copied to `).MatchString(out) {
			t.Errorf("the doctor says\n%s", out)
		}
		p = sitetest.Launch(t, folder, "--database", way.to)
		site = &sitetest.Site{T: t, URL: p.URL, File: way.to}
		site.WithCookie(cookie).Get("/dashboard").Answers(200).SetsNoCookie()
		ada = site.SignIn("ada")
	}
	p.Stop()
	typed(0, "copy", "--stay", "--from", server)
	sitetest.Launch(t, folder, "--database", server).Stop()
	other := databasetest.NewPostgres(t)
	if status, _, errs := sitetest.Typed(t, sitetest.Password, "user", "add", "eve", "--database", filepath.Join(folder, "other.db")); status != 0 {
		t.Fatal(errs)
	}
	typed(0, "copy", "--stay", "--from", server, "--to", other)
	if out := typed(1, "copy", "--from", filepath.Join(folder, "other.db"), "--to", other); !strings.Contains(out, "another installation") {
		t.Errorf("it says %s", out)
	}
}

// TestADatabaseIsNotCopiedOntoItself by another name: its server goes on.
func TestADatabaseIsNotCopiedOntoItself(t *testing.T) {
	t.Parallel()
	file, server := filepath.Join(t.TempDir(), "daypass.db"), databasetest.NewPostgres(t)
	link := filepath.Join(filepath.Dir(file), "link.db")
	sitetest.Must(t, os.Symlink("daypass.db", link))
	for _, names := range [][]string{{file, filepath.Dir(file) + "/./daypass.db"}, {file, link}, {server, server + "&application_name=copy"}} {
		db, err := models.Open(t.Context(), names[0])
		sitetest.Must(t, err)
		defer db.Close()
		if status, _, errs := sitetest.Typed(t, "", "copy", "--stay", "--from", names[0], "--to", names[1]); status != 1 || !strings.Contains(errs, "are the same database") {
			t.Errorf("%v: status %d: %s", names, status, errs)
		}
		if moved, err := db.MovedTo(t.Context()); err != nil || moved != "" {
			t.Errorf("%v: moved to %q, %v", names, moved, err)
		}
	}
}

// TestACopyWithoutSecretsCannotBeUsed, and the source has not moved.
func TestACopyWithoutSecretsCannotBeUsed(t *testing.T) {
	t.Parallel()
	file, server := filepath.Join(t.TempDir(), "daypass.db"), databasetest.NewPostgres(t)
	from, err := models.Open(t.Context(), file)
	sitetest.Must(t, err)
	defer from.Close()
	to, err := models.Open(t.Context(), server)
	sitetest.Must(t, err)
	defer to.Close()
	_, err = to.SQL.Exec(`ALTER TABLE secrets RENAME TO away`)
	sitetest.Must(t, err)
	if status, _, errs := sitetest.Typed(t, "", "copy", "--from", file, "--to", server); status != 1 || !strings.Contains(errs, "secrets") {
		t.Errorf("status %d: %s", status, errs)
	}
	for db, want := range map[*models.DB]string{from: "", to: database.Unfinished} {
		if moved, err := db.MovedTo(t.Context()); err != nil || moved != want {
			t.Errorf("%s has moved to %q, %v", db.Address(), moved, err)
		}
	}
}

// TestACopyReplacesNoOtherSecrets beside the file that it is copied to.
func TestACopyReplacesNoOtherSecrets(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	from, to := filepath.Join(folder, "daypass.db"), filepath.Join(folder, "other", "copy.db")
	db, err := models.Open(t.Context(), from)
	sitetest.Must(t, err)
	sitetest.Must(t, db.Close())
	secret := filepath.Join(filepath.Dir(to), "secret")
	sitetest.Must(t, os.Mkdir(filepath.Dir(to), 0o700))
	sitetest.Must(t, os.WriteFile(secret, []byte(sitetest.SecretA), 0o600))
	if status, _, errs := sitetest.Typed(t, "", "copy", "--from", from, "--to", to); status != 1 || !strings.Contains(errs, "other secrets") {
		t.Errorf("status %d: %s", status, errs)
	}
	if kept, err := os.ReadFile(secret); err != nil || string(kept) != sitetest.SecretA {
		t.Errorf("the secret is %q, %v", kept, err)
	}
	sitetest.Must(t, os.Remove(secret))
	for range 2 { // the second time the secrets are its own
		if status, _, errs := sitetest.Typed(t, "", "copy", "--from", from, "--to", to); status != 0 {
			t.Errorf("status %d: %s", status, errs)
		}
	}
}

// TestACopyThatWasBrokenOffIsRunAgain, and passes over what is equal; until then the copy
// can't be used.
func TestACopyThatWasBrokenOffIsRunAgain(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"to PostgreSQL", "to a file"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			addresses := []string{filepath.Join(t.TempDir(), "daypass.db"), databasetest.NewPostgres(t)}
			if way == "to a file" {
				addresses[0], addresses[1] = addresses[1], addresses[0]
			}
			from, err := models.Open(t.Context(), addresses[0])
			sitetest.Must(t, err)
			defer from.Close()
			to, err := models.Open(t.Context(), addresses[1])
			sitetest.Must(t, err)
			defer to.Close()
			for i := range 30 {
				_, err := from.AddUser(t.Context(), models.NewUser{Name: fmt.Sprint("Üser", i), Password: sitetest.Password, Role: models.Member}, models.CommandLine)
				sitetest.Must(t, err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			err = database.Copy(ctx, from.DB, to.DB, true, func(table database.CopiedTable) {
				if table.Name == "users" {
					cancel()
				}
			}, nothing)
			if err == nil {
				t.Fatal("it was not broken off")
			}
			if moved, err := to.MovedTo(t.Context()); err != nil || moved != database.Unfinished {
				t.Errorf("the copy is %q, %v", moved, err)
			}
			if moved, err := from.MovedTo(t.Context()); err != nil || moved != "" {
				t.Errorf("the source has moved to %q, %v", moved, err)
			}
			user, err := from.User(t.Context(), "üser7")
			sitetest.Must(t, err)
			sitetest.Must(t, from.SetFullName(t.Context(), user, "Changed meanwhile", models.CommandLine))
			gone, err := from.User(t.Context(), "üser8")
			sitetest.Must(t, err)
			sitetest.Must(t, from.RemoveUser(t.Context(), gone, models.CommandLine))
			written, verified := -1, ""
			err = database.Copy(t.Context(), from.DB, to.DB, true, func(table database.CopiedTable) {
				switch {
				case table.Name == "users" && table.Verified:
					verified = fmt.Sprint(table.Rows)
				case table.Name == "users":
					written = table.Written
				}
			}, nothing)
			sitetest.Must(t, err)
			if written != 1 || verified != "29" {
				t.Errorf("the second time it wrote %d users, and verified %s", written, verified)
			}
			if moved, err := from.MovedTo(t.Context()); err != nil || moved != to.Address() {
				t.Errorf("the source has moved to %q, %v", moved, err)
			}
			if copied, err := to.User(t.Context(), "üser7"); err != nil || copied.FullName != "Changed meanwhile" {
				t.Errorf("%+v, %v", copied, err)
			}
			if way == "to PostgreSQL" {
				var rows int
				if sitetest.Must(t, to.SQL.Get(&rows, `SELECT reltuples FROM pg_class WHERE oid = 'users'::regclass`)); rows != 29 {
					t.Errorf("the planner takes the users for %d", rows)
				}
			}
		})
	}
}

func nothing() error { return nil }
