package command_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"daypass/handlers/session"
	"daypass/handlers/sitetest"
	"daypass/models"
	"daypass/models/database/databasetest"
)

func TestTheDoctor(t *testing.T) {
	databasetest.OnlySQLite(t, "it is about files")
	site := sitetest.Start(t)
	ada := site.SignIn("ada")
	secret := filepath.Join(filepath.Dir(site.File), "secret")
	sitetest.Must(t, os.WriteFile(secret, []byte(sitetest.SecretA+"\n"), 0o600))
	examine := func(args ...string) (status int, out string) {
		t.Helper()
		status, out, errs := sitetest.Typed(t, "", append([]string{"doctor", "--database", site.File, "--url", site.URL}, args...)...)
		for _, known := range []string{sitetest.SecretA, sitetest.SecretB} {
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
	for _, line := range []string{"database", "durability", "disk space", "permissions", "clock", "secret " + session.Fingerprint(sitetest.SecretA), "secret file", "public URL", "proxies", "site", "users"} {
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
	sitetest.Must(t, os.WriteFile(secret, []byte(sitetest.SecretB+"\n"+sitetest.SecretA+"\n"), 0o600))
	if _, out := examine(); !strings.Contains(out, "secret "+session.Fingerprint(sitetest.SecretA)+"   signs 1 live sessions") {
		t.Errorf("the old secret:\n%s", out)
	}
	ada.Post("/logout")
	if _, out := examine(); !strings.Contains(out, "it may go") {
		t.Errorf("the old secret is not said to be free:\n%s", out)
	}
	site.SignIn("ada")
	sitetest.Must(t, os.WriteFile(secret, []byte(sitetest.SecretB+"\n"), 0o600))
	if _, out := examine(); !regexp.MustCompile(`warning +secret ` + session.Fingerprint(sitetest.SecretA)).MatchString(out) {
		t.Errorf("a secret that is missing:\n%s", out)
	}

	for _, test := range []struct {
		spoil  func()
		args   []string
		status int
		says   string
	}{
		{func() { os.Chmod(secret, 0o644) }, nil, 1, `wrong +secret file`},
		{func() { os.Chmod(secret, 0o600); os.Chmod(site.File, 0o640) }, nil, 0, `warning +permissions`},
		{func() { os.Chmod(site.File, 0o600) }, []string{"--trusted-proxy", "0.0.0.0/0"}, 1, `wrong +proxies`},
		{func() {}, []string{"--url", "http://dash.example.org"}, 0, `warning +public URL`},
		{func() {}, []string{"--url", "https://localhost:1", "--listen", "0.0.0.0:3000"}, 0, `warning +public URL`},
		{func() {}, []string{"--url", strings.Replace(site.URL, "127.0.0.1", "localhost", 1)}, 0, `ok +site`},
		{func() { os.WriteFile(secret, []byte("keyboard cat"), 0o600) }, nil, 1, `damaged`},
		{func() { os.WriteFile(secret, []byte(sitetest.SecretA), 0o600); t.Setenv("DAYPASS_LISTNE", "x") }, nil, 1, `wrong +variables`},
		{func() { os.Unsetenv("DAYPASS_LISTNE"); site.Advance(-time.Hour) }, nil, 0, `ok +clock`},
		{func() { site.Change(`UPDATE events SET at = at + 100000`) }, nil, 1, `wrong +clock`},
		{func() { site.Change(`UPDATE events SET at = 0`); site.Change(`UPDATE users SET disabled = TRUE`) }, nil, 0, `warning +users`},
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
	t.Parallel()
	checkout := t.TempDir()
	sitetest.Must(t, os.Mkdir(filepath.Join(checkout, "data"), 0o755)) // as git makes it
	sitetest.Must(t, os.WriteFile(filepath.Join(checkout, "data/.gitignore"), nil, 0o644))
	for _, folder := range []string{checkout, t.TempDir()} {
		address := sitetest.FreeAddress(t)
		examine := func() {
			t.Helper()
			status, out, errs := sitetest.Typed(t, "", "doctor", "--database", filepath.Join(folder, "data/daypass.db"), "--listen", address)
			if status != 0 || errs != "" || regexp.MustCompile(`(?m)^(warning|wrong)`).MatchString(out) || !regexp.MustCompile(`(?m)^ok +database`).MatchString(out) {
				t.Errorf("status %d:\n%s%s", status, out, errs)
			}
		}
		examine()
		if _, err := os.Stat(filepath.Join(folder, "data/daypass.db")); err == nil {
			t.Error("the doctor made a database")
		}
		p := sitetest.Launch(t, folder, "--listen", address)
		examine()
		p.Stop()
		examine()
	}
}

// TestAFolderOfSomebodyElse, such as the volume of a container, can be used. The
// doctor says who else may write there.
func TestAFolderOfSomebodyElse(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	folder := t.TempDir()
	path := filepath.Join(t.TempDir(), "daypass")
	sitetest.Must(t, exec.Command("cp", os.Args[0], path).Run())
	for _, name := range []string{filepath.Dir(filepath.Dir(path)), filepath.Dir(path)} {
		sitetest.Must(t, os.Chmod(name, 0o755))
	}
	volume := filepath.Join(folder, "data")
	sitetest.Must(t, os.Mkdir(volume, 0o777))
	sitetest.Must(t, os.Chmod(volume, 0o777))
	nobody := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	doctor := func() string {
		t.Helper()
		command := exec.Command(path, "doctor", "--listen", sitetest.FreeAddress(t))
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
	p := sitetest.LaunchAs(t, nobody, path, folder)
	(&sitetest.Site{T: t, URL: p.URL}).Visitor().Get("/healthz").Answers(200)
	p.Stop()
	if info, err := os.Stat(volume); err != nil || info.Mode().Perm() != 0o777 {
		t.Errorf("the folder's mode became %o, %v", info.Mode().Perm(), err)
	}
	sitetest.Must(t, os.Chmod(volume, 0o777|os.ModeSticky)) // nobody else may replace the files, but its owner may
	if out := doctor(); !strings.Contains(out, "belongs to another user") {
		t.Error(out)
	}
}
