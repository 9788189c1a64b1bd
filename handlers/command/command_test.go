package command_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"daypass/handlers/command"
	"daypass/handlers/sitetest"
	"daypass/models"
)

func TestUsersFromTheCommandLine(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	_, _, err := site.DB.Invite(t.Context(), models.NewUser{Name: "zoe", Role: models.Member}, models.CommandLine)
	sitetest.Must(t, err)
	on := func(args ...string) []string { return append(args, "--database", site.File) }
	for _, test := range []struct {
		input  string
		args   []string
		status int
		says   string
	}{
		{sitetest.Password + "\n", on("user", "add", "Bob", "--full-name", "Bob <b>"), 0, "Added Bob (member)."},
		{sitetest.Password, on("user", "add", "eve", "--admin"), 0, "Added eve (admin)."},
		{sitetest.Password, on("user", "add", "BOB"), 1, "taken"},
		{"short", on("user", "add", "kim"), 1, "at least 15"},
		{"", on("user", "add", "kim"), 1, "Choose a password"},
		{sitetest.Password, on("user", "add", "a b"), 1, "No spaces"},
		{sitetest.Password, on("user", "add"), 2, "name"},
		{"", on("user", "list"), 0, "Bob <b>"},
		{"", on("user", "list", "--json"), 0, `"name": "Bob"`},
		{"another walk in the grass\n", on("user", "password", "bob"), 0, "new password"},
		{"short", on("user", "password", "bob"), 1, "at least 15"},
		{sitetest.Password, on("user", "password", "nobody"), 1, `no user "nobody"`},
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
		{"", []string{"--lifetime", "soon"}, 2, `--lifetime: "soon" is not a length of time, such as 90s, 15m or 24h;`},
		{"", []string{"--idle", "48h"}, 2, "--idle 48h0m0s is longer than --lifetime 24h0m0s"},
		{"", []string{"--version"}, 0, "daypass " + command.Version},
		{"", on("user", "list"), 0, "CREATED (UTC)"},
		{"", on("user", "list"), 0, "invited"},
		{"", []string{"--lifetime", "1s"}, 2, "too short"},
		{"", []string{"--idle", "1s"}, 2, "too short"},
		{"", []string{"--trusted-proxy", "nearby"}, 2, `--trusted-proxy: "nearby" is not a network, such as 10.0.0.0/8, or 192.0.2.1/32 for one address;`},
		{"", on("--listen", "127.0.0.1:0", "--url", "ftp://x"), 2, "must be the address of a site"},
		{"", on("--listen", "127.0.0.1:0", "--url", "https://x/path"), 2, "must be the address of a site"},
		{"", on("--listen", "300.0.0.1:0"), 1, "can't listen"},
		{"", on("--listen", strings.TrimPrefix(site.URL, "http://")), 1, "already in use; choose another address"},
		{"", []string{"--database", t.TempDir()}, 1, "is a folder"},
	} {
		status, out, errs := sitetest.Typed(t, test.input, test.args...)
		if status != test.status || !strings.Contains(out+errs, test.says) {
			t.Errorf("daypass %q: status %d, printed %s%s", test.args, status, out, errs)
		}
		if status == 1 && strings.Count(errs, "\n") != 1 {
			t.Errorf("daypass %q does not fail in one line: %s", test.args, errs)
		}
	}
}

func TestListsOfProgramsHaveOneForm(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "daypass.db")
	list := func(args ...string) (rows []map[string]any) {
		t.Helper()
		status, out, errs := sitetest.Typed(t, "", append(args, "--json", "--database", file)...)
		if err := json.Unmarshal([]byte(out), &rows); status != 0 || err != nil || rows == nil {
			t.Fatalf("daypass %q: status %d, %v: %s%s", args, status, err, out, errs)
		}
		return rows
	}
	site := sitetest.StartOn(t, file)
	if len(list("user", "list"))+len(list("session", "list")) != 0 {
		t.Error("the lists are not empty")
	}
	site.AddUser("ada", models.Admin)
	if active := list("user", "list")[0]["last_active"]; active != nil {
		t.Errorf("who has never signed in was last active at %v", active)
	}
	site.SignIn("ada")
	if active, err := time.Parse(time.RFC3339, fmt.Sprint(list("user", "list")[0]["last_active"])); err != nil || time.Since(active) > time.Hour {
		t.Errorf("who has just signed in was last active at %v, %v", active, err)
	}
	for kind, want := range map[string]string{
		"user":    "created disabled full_name id last_active name owes_second_factor role second_factor",
		"session": "address browser created expires id method seen user",
	} {
		if got := strings.Join(slices.Sorted(maps.Keys(list(kind, "list")[0])), " "); got != want {
			t.Errorf("a %s has %s", kind, got)
		}
	}
}

func TestCommandsBesideARunningServer(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	beside := func(args ...string) string {
		t.Helper()
		status, out, errs := sitetest.Typed(t, "another walk in the grass", append(args, "--database", site.File)...)
		if status != 0 {
			t.Fatalf("daypass %q: status %d: %s", args, status, errs)
		}
		return out
	}
	ada, other := site.SignIn("ada"), site.SignIn("ada")
	list := beside("session", "list")
	if strings.Count(list, "Firefox on Linux") != 2 {
		t.Fatalf("the list is\n%s", list)
	}
	beside("session", "end", strings.Fields(strings.Split(list, "\n")[1])[0])
	if left := strings.Count(beside("session", "list", "--user", "ada", "--json"), `"browser": "Firefox on Linux"`); left != 1 {
		t.Errorf("%d sessions are left", left)
	}
	beside("session", "end", "--user", "ada")
	ada.Get("/dashboard").LeadsToSignIn()
	other.Get("/dashboard").LeadsToSignIn()

	ada = site.SignIn("ada")
	beside("session", "end", "--all")
	ada.Get("/dashboard").LeadsToSignIn()
	ada = site.SignIn("ada")
	site.StopClock()
	for range 5 {
		site.Visitor().Login("ada", "not the password").Answers(422)
	}
	site.Visitor().Login("ada", "another walk in the grass").Answers(429)
	beside("user", "password", "ada")
	site.SignInWith("ada", "another walk in the grass") // what failed before is forgiven
	ada.Get("/dashboard").LeadsToSignIn()
	ada.Login("ada", sitetest.Password).Answers(422)
	ada.Login("ada", "another walk in the grass").LeadsTo("/dashboard")
	ada.Get("/dashboard").Says("Password changed").Says("command line")
}

func TestMisspeltVariablesStopTheProgram(t *testing.T) {
	for misspelt, meant := range map[string]string{
		"DAYPASS_LISTNE": "DAYPASS_LISTEN", "DAYPASS_LIFTIME": "DAYPASS_LIFETIME", "DAYPASS_SECRETS": "DAYPASS_SECRET", "DAYPASS_TRUSTED_PROXIES": "DAYPASS_TRUSTED_PROXY",
		"DAYPASS_TRUSTEDPROXY": "DAYPASS_TRUSTED_PROXY", "DAYPASS_URI": "DAYPASS_URL", "DAYPASS_url": "DAYPASS_URL",
	} {
		t.Run(misspelt, func(t *testing.T) {
			t.Setenv(misspelt, "127.0.0.1:0")
			status, _, errs := sitetest.Typed(t, "", "--database", filepath.Join(t.TempDir(), "daypass.db"))
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
	p := sitetest.Launch(t, folder)
	if said := regexp.MustCompile(`(?m)^.*level=WARN.*$`).FindAllString(p.Out.String(), -1); len(said) != 1 {
		t.Errorf("it does not warn in one line:\n%s", p.Out)
	}
	_, doctor, _ := sitetest.Typed(t, "", "doctor", "--database", filepath.Join(folder, "data/daypass.db"))
	if !regexp.MustCompile(`(?m)^warning +variables `).MatchString(doctor) {
		t.Errorf("the doctor says\n%s", doctor)
	}
	for name := range injected {
		if !strings.Contains(p.Out.String(), name) || !strings.Contains(doctor, name) {
			t.Errorf("%s is not named", name)
		}
	}
	p.Stop()
}

func TestSecretsFromTheVariable(t *testing.T) {
	for value, says := range map[string]string{"keyboard cat": "tutorial", "short": "32", sitetest.SecretA + ",short": "secret 2", "": "32"} {
		t.Setenv("DAYPASS_SECRET", value)
		status, _, errs := sitetest.Typed(t, "", "--listen", "127.0.0.1:0", "--database", filepath.Join(t.TempDir(), "daypass.db"))
		if status != 1 || !strings.Contains(errs, says) || value != "" && strings.Contains(errs, value) {
			t.Errorf("%q: status %d: %s", value, status, errs)
		}
	}
}
