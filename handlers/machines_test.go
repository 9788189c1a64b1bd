package handlers_test

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"daypass/handlers/sitetest"
	"daypass/models/database/databasetest"
)

// TestTheRecipeForSeveralServers runs the blocks of the topic "machines" as they are
// written there, but for addresses, on an empty PostgreSQL server that asks for passwords.
func TestTheRecipeForSeveralServers(t *testing.T) {
	if testing.Short() {
		t.Skip("it stops a server that drains for seconds")
	}
	for _, program := range []string{"caddy", "psql", "pg_dump", "pg_restore"} {
		if _, err := exec.LookPath(program); err != nil {
			missing := "this test needs " + program + "; install it, such as with: apt-get install caddy postgresql"
			if os.Getenv("CI") == "true" {
				t.Fatal(missing)
			}
			t.Skip(missing)
		}
	}
	postgres, err := databasetest.Create("fsync=on", "full_page_writes=on", "synchronous_commit=on")
	missing(t, err)
	t.Cleanup(postgres.Stop)
	sitetest.Must(t, os.WriteFile(filepath.Join(postgres.Socket(), "data/pg_hba.conf"), []byte("local all test trust\nlocal all all scram-sha-256\n"), 0o600))
	sitetest.Must(t, postgres.Start())

	folder := t.TempDir()
	sitetest.Must(t, os.Symlink(os.Args[0], filepath.Join(folder, "daypass")))
	certificate, key := selfSigned(t)
	front := sitetest.FreeAddress(t)
	const password = `rain on: a\roof`
	topic := sitetest.Documents(t)["handlers/command/help/machines.md"]
	ports := map[string]string{"127.0.0.1:3001": "", "127.0.0.1:3002": "", "127.0.0.1:3003": ""}
	replaced := []string{
		"postgres://daypass@127.0.0.1:5432/daypass", "'postgres://daypass@/daypass?host=" + url.QueryEscape(postgres.Socket()) + "'",
		"https://dash.example.org", "https://" + front,
		"dash.example.org {", "https://" + front + " {\n\ttls " + certificate + " " + key,
		":PASSWORD'", `:rain on\: a\\roof'`,
	}
	for shown := range ports {
		ports[shown] = sitetest.FreeAddress(t)
		replaced = append(replaced, shown, ports[shown])
	}
	block := func(first string) string {
		return strings.NewReplacer(replaced...).Replace(sitetest.Block(t, topic, first))
	}
	variables := block("export DAYPASS_DATABASE=postgres")
	shell := func(script, input string) *exec.Cmd {
		process := exec.Command("sh", "-ec", script)
		process.Dir, process.Stdin = folder, strings.NewReader(input)
		process.Env = append(os.Environ(), "BE_THE_PROGRAM=1", "HOME="+folder, "SSL_CERT_FILE="+certificate)
		process.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // without a terminal, passwords are read from input
		return process
	}
	run := func(script, input string) string {
		t.Helper()
		said, err := shell(script, input).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", script, err, said)
		}
		return string(said)
	}
	superuser := "psql -X -v ON_ERROR_STOP=1 -h " + postgres.Socket() + " -U test postgres "
	create := block("CREATE ROLE daypass")
	sitetest.Must(t, os.WriteFile(filepath.Join(folder, "create.sql"), []byte(create), 0o600))
	run(superuser+"-f create.sql", password+"\n"+password+"\n")
	run(block("umask 077"), "")
	run(variables+"./daypass user add ada --admin", sitetest.Password+"\n")

	var servers []*exec.Cmd
	start := func(line string) {
		t.Helper()
		said := &sitetest.LockedBuffer{}
		process := shell(variables+"exec "+line, "")
		process.Stdout, process.Stderr = said, said
		sitetest.Must(t, process.Start())
		t.Cleanup(func() { process.Process.Kill(); process.Wait() })
		sitetest.Until(t, line+" serves", func() bool { return strings.Contains(said.String(), "msg=listening") })
		servers = append(servers, process)
	}
	lines := strings.Split(strings.TrimSpace(block("./daypass --node one")), "\n")
	for _, line := range lines {
		start(line)
	}
	caddyfile := "{\n\tadmin off\n\tauto_https off\n\tstorage file_system " + folder + "\n}\n" + block("dash.example.org {")
	sitetest.Must(t, os.WriteFile(filepath.Join(folder, "Caddyfile"), []byte(caddyfile), 0o600))
	var caddySaid sitetest.LockedBuffer
	caddy := shell("exec caddy run --adapter caddyfile --config Caddyfile", "")
	caddy.Stdout, caddy.Stderr = &caddySaid, &caddySaid
	sitetest.Must(t, caddy.Start())
	t.Cleanup(func() { caddy.Process.Kill(); caddy.Wait() })

	ada := (&sitetest.Site{T: t, URL: "https://" + front}).Visitor()
	ada.Client.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	ada.Header.Set("Origin", "https://"+front)
	sitetest.Until(t, "Caddy answers", func() bool {
		answer, err := ada.Client.Get("https://" + front + "/healthz")
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
	ada.Login("ada", sitetest.Password).LeadsTo("/dashboard")
	if said := run(variables+block("./daypass doctor"), ""); !strings.Contains(said, "no standby is synchronous") {
		t.Errorf("the doctor says\n%s\n%s", said, &caddySaid)
	}

	// An upgrade: each server in turn.
	for i, line := range lines {
		server := servers[i]
		sitetest.Must(t, server.Process.Signal(syscall.SIGTERM))
		ended := make(chan error)
		go func() { ended <- server.Wait() }()
		for stopped := false; !stopped; {
			select {
			case err := <-ended:
				sitetest.Must(t, err)
				stopped = true
			default:
			}
			ada.Get("/dashboard").Answers(http.StatusOK)
		}
		start(line)
	}

	run(variables+block("pg_dump "), "")
	for _, server := range servers[len(lines):] {
		sitetest.Must(t, server.Process.Kill())
		server.Wait()
	}
	_, again, _ := strings.Cut(create, "\\password daypass\n")
	sitetest.Must(t, os.WriteFile(filepath.Join(folder, "create.sql"), []byte("DROP DATABASE daypass;\n"+again), 0o600))
	run(superuser+"-f create.sql", "")
	if said := run(variables+block("pg_restore "), ""); !strings.Contains(said, "Sessions ended: 1\n") {
		t.Errorf("after the restore it says\n%s", said)
	}
	start(lines[0])
	ada.Get("/dashboard").LeadsToSignIn()
	ada.Login("ada", sitetest.Password).LeadsTo("/dashboard")
}
