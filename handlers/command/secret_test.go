package command_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"daypass/handlers/session"
	"daypass/handlers/sitetest"
	"daypass/models"
	"daypass/models/database/databasetest"
)

// TestS6ANewSecretNeedsNoRestart, nor does the removal of an old one.
func TestS6ANewSecretNeedsNoRestart(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	p, site := sitetest.LaunchWithUser(t, folder)
	file := site.File
	secret := func(args ...string) string {
		t.Helper()
		status, out, errs := sitetest.Typed(t, "", append([]string{"secret", "--database", file}, args...)...)
		if status != 0 {
			t.Fatalf("secret %v: status %d: %s", args, status, errs)
		}
		return out
	}
	ada := site.SignIn("ada")
	first := ada.Cookie()
	old := regexp.MustCompile(`(?m)^(\w{8}) +1 +new cookies$`).FindStringSubmatch(secret("list"))
	if old == nil {
		t.Fatalf("the list is\n%s", secret("list"))
	}
	if status, _, errs := sitetest.Typed(t, "", "secret", "--database", file, "remove", old[1]); status != 1 || !strings.Contains(errs, "daypass secret new") {
		t.Errorf("the only secret is removed with status %d: %s", status, errs)
	}
	added := regexp.MustCompile(`^Secret (\w{8}) signs`).FindStringSubmatch(secret("new"))
	if added == nil || added[1] == old[1] {
		t.Fatal("no other secret was added")
	}
	if info, err := os.Stat(filepath.Join(folder, "data", "secret")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info, err)
	}
	readAnew := func() { site.WithCookie("s:unknown.signature").Get("/dashboard") } // or within half a minute
	sitetest.Until(t, "the cookie is signed anew", func() bool {
		readAnew()
		ada.Get("/dashboard").Answers(200)
		return ada.Cookie() != first
	})
	site.WithCookie(first).Get("/dashboard").Answers(200)
	if list := secret("list"); !regexp.MustCompile(`(?m)^` + added[1] + ` +\d +new cookies\n` + old[1] + ` +\d *$`).MatchString(list) {
		t.Errorf("the list is\n%s", list)
	}

	secret("remove", old[1])
	sitetest.Until(t, "the old secret counts no more", func() bool {
		readAnew()
		return site.WithCookie(first).Get("/dashboard").Response.StatusCode == 303
	})
	ada.Get("/dashboard").Answers(200)
	if status, _, errs := sitetest.Typed(t, "", "secret", "--database", file, "remove", "00000000"); status != 1 || !strings.Contains(errs, "no secret 00000000") {
		t.Errorf("status %d: %s", status, errs)
	}
	p.Stop()
}

// TestS20RemovingASecretKeepsTheApps that it encrypted, beside a running server and for
// the next start.
func TestS20RemovingASecretKeepsTheApps(t *testing.T) {
	t.Parallel()
	p, site := sitetest.LaunchWithUser(t, t.TempDir())
	secret := func(args ...string) string {
		t.Helper()
		status, out, errs := sitetest.Typed(t, "", append([]string{"secret", "--database", site.File}, args...)...)
		if status != 0 {
			t.Fatalf("secret %v: status %d: %s", args, status, errs)
		}
		return out
	}
	ada := site.SignIn("ada")
	page := ada.Post("/account/security/app").Answers(200)
	seed := strings.ReplaceAll(page.First(`Key: <code>([A-Z2-7 ]+)</code>`), " ", "")
	ada.Post("/account/security/app/confirm", "code", models.Code(seed, time.Now())).Answers(200)
	old := regexp.MustCompile(`(?m)^(\w{8}) +1 +new cookies$`).FindStringSubmatch(secret("list"))
	secret("new")
	secret("remove", old[1])
	sitetest.Until(t, "the old secret counts no more", func() bool {
		site.WithCookie("s:unknown.signature").Get("/dashboard")
		return ada.Get("/dashboard").Response.StatusCode == 303
	})
	b := site.Visitor()
	b.Login("ada", sitetest.Password).LeadsTo("/login/second-factor")
	b.Post("/login/second-factor", "code", models.Code(seed, time.Now().Add(30*time.Second))).LeadsTo("/dashboard")
	p.Stop()
	sitetest.Launch(t, filepath.Dir(filepath.Dir(site.File))).Stop()
}

// TestS20NoSecretIsRemovedThatEncryptsAnApp, wherever the secrets are.
func TestS20NoSecretIsRemovedThatEncryptsAnApp(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.SignIn("ada").SetUpApp()
	at := []string{"--database", site.File}
	if databasetest.Postgres() {
		sitetest.Must(t, site.DB.SetSecrets(t.Context(), []string{sitetest.SecretA}))
	} else {
		file := filepath.Join(t.TempDir(), "secret")
		sitetest.Must(t, os.WriteFile(file, []byte(sitetest.SecretA+"\n"), 0o600))
		at = append(at, "--secret-file", file)
	}
	old := session.Fingerprint(sitetest.SecretA)
	for _, args := range [][]string{{"new"}, {"remove", old}} {
		if status, _, errs := sitetest.Typed(t, "", slices.Concat([]string{"secret"}, args, at)...); status != 0 {
			t.Fatalf("secret %v: status %d: %s", args, status, errs)
		}
	}
	seeds, err := site.DB.SeedsPerSecret(t.Context())
	sitetest.Must(t, err)
	if seeds[old] != 0 || len(seeds) != 1 {
		t.Errorf("the removed secret %s is the one of %v", old, seeds)
	}
}

func TestSecretsInTheVariableAreChangedThere(t *testing.T) {
	folder := t.TempDir()
	p, _ := sitetest.LaunchWithUser(t, folder)
	p.Stop()
	t.Setenv("DAYPASS_SECRET", sitetest.SecretA+","+sitetest.SecretB)
	file := filepath.Join(folder, "data", "daypass.db")
	if status, _, errs := sitetest.Typed(t, "", "secret", "new", "--database", file); status != 1 || !strings.Contains(errs, "DAYPASS_SECRET") {
		t.Errorf("status %d: %s", status, errs)
	}
	if status, out, errs := sitetest.Typed(t, "", "secret", "list", "--database", file); status != 0 || strings.Count(out, "\n") != 3 {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
}

// TestTheLinkToTheFirstAccountOutlivesARestart, as all servers of an installation have
// the same.
func TestTheLinkToTheFirstAccountOutlivesARestart(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	link := func() string {
		t.Helper()
		p := sitetest.Launch(t, folder)
		defer p.Stop()
		return regexp.MustCompile(`/setup\?token=\w{26}\n`).FindString(p.Out.String())
	}
	first := link()
	if again := link(); first == "" || again != first {
		t.Errorf("%q becomes %q", first, again)
	}
	if another := sitetest.Launch(t, t.TempDir()); strings.Contains(another.Out.String(), first) {
		t.Error("another installation has the same")
	}
}
