package handlers_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"daypass/handlers"
	"daypass/handlers/sitetest"
	"daypass/models"
)

func prefixes(t *testing.T, networks ...string) (parsed []netip.Prefix) {
	t.Helper()
	for _, network := range networks {
		prefix, err := netip.ParsePrefix(network)
		sitetest.Must(t, err)
		parsed = append(parsed, prefix)
	}
	return parsed
}

func TestAProxyIsBelievedOnlyWhenTrusted(t *testing.T) {
	t.Parallel()
	claim := func(site *sitetest.Site, forwarded string) string {
		ada := site.Visitor()
		ada.Header["X-Forwarded-For"] = strings.Split(forwarded, " & ")
		ada.Login("ada", sitetest.Password).LeadsTo("/dashboard")
		sessions, _, err := site.DB.SessionsOf(t.Context(), site.User("ada"), models.MaxSessions)
		sitetest.Must(t, err)
		return sessions[0].Address
	}
	if address := claim(sitetest.Start(t), "203.0.113.9"); address != "127.0.0.1" {
		t.Errorf("a stranger's claim counts: %s", address)
	}
	for forwarded, want := range map[string]string{
		"203.0.113.9":                     "203.0.113.9",
		"198.51.100.1, 203.0.113.9":       "203.0.113.9", // what stands before is the client's claim
		"203.0.113.9, 127.0.0.2":          "203.0.113.9", // through two of our proxies
		"2001:db8::1":                     "2001:db8::1",
		"::ffff:203.0.113.9":              "203.0.113.9",
		"198.51.100.1 & 203.0.113.9":      "203.0.113.9", // in a line of its own, as HAProxy writes it
		"203.0.113.9 & 127.0.0.2":         "203.0.113.9",
		"198.51.100.1, 203.0.113.9 & ":    "127.0.0.1",
		"nonsense":                        "127.0.0.1",
		"203.0.113.9, <script>, 10.1.1.1": "10.1.1.1",
		"":                                "127.0.0.1",
	} {
		trusting := sitetest.Start(t, func(c *handlers.Config) { c.TrustedProxies = prefixes(t, "127.0.0.0/8") })
		if address := claim(trusting, forwarded); address != want {
			t.Errorf("%q is %s, not %s", forwarded, address, want)
		}
	}
}

// proxies are real ones, as people run them, with TLS in front. What matters in
// their configuration is what the help topic about proxies shows.
var proxies = map[string]struct {
	program string
	file    string
	config  string   // around what the topic shows
	first   string   // line of what the topic shows
	replace []string // what can't be as the topic shows it, such as the address
	args    []string
}{
	"nginx": {"nginx", "nginx.conf", `
		master_process off; daemon off; pid FOLDER/pid; error_log stderr;
		events {}
		http {
			access_log off;
			client_body_temp_path FOLDER/a; proxy_temp_path FOLDER/b; fastcgi_temp_path FOLDER/c; uwsgi_temp_path FOLDER/d; scgi_temp_path FOLDER/e;
			server {
				listen FRONT ssl;
				ssl_certificate CERTIFICATE; ssl_certificate_key KEY;
				TOPIC
			}
		}`, "location / {", nil, []string{"-c"}},
	"caddy": {"caddy", "Caddyfile", `
		{
			admin off
			auto_https off
			storage file_system FOLDER
		}
		TOPIC`, "dash.example.org {", []string{"dash.example.org {", "https://FRONT {\n\ttls CERTIFICATE KEY"}, []string{"run", "--adapter", "caddyfile", "--config"}},
	"haproxy": {"haproxy", "haproxy.cfg", `
		global
			log stderr format raw local0
		TOPIC`, "defaults", []string{":443 ssl crt /etc/haproxy/dash.pem", "FRONT ssl crt CERTIFICATE"}, []string{"-db", "-f"}},
}

func TestBehindARealProxy(t *testing.T) {
	t.Parallel()
	certificate, key := selfSigned(t)
	for name, proxy := range proxies {
		t.Run(name, func(t *testing.T) {
			path, err := exec.LookPath(proxy.program)
			if err != nil {
				missing := "this test needs " + name + "; install it, such as with: apt-get install " + name
				if os.Getenv("CI") == "true" {
					t.Fatal(missing)
				}
				t.Skip(missing)
			}
			front := sitetest.FreeAddress(t)
			public := &url.URL{Scheme: "https", Host: front}
			trusting := sitetest.Start(t, func(c *handlers.Config) { c.URL, c.TrustedProxies = public, prefixes(t, "127.0.0.1/32") })
			folder := t.TempDir()
			config := filepath.Join(folder, proxy.file)
			topic := sitetest.Block(t, sitetest.Documents(t)["handlers/command/help/proxy.md"], proxy.first)
			for pair := range slices.Chunk(append([]string{"127.0.0.1:3000", strings.TrimPrefix(trusting.URL, "http://")}, proxy.replace...), 2) {
				if !strings.Contains(topic, pair[0]) {
					t.Fatalf("the topic does not show %s:\n%s", pair[0], topic)
				}
				topic = strings.ReplaceAll(topic, pair[0], pair[1])
			}
			fill := strings.NewReplacer("FRONT", front, "CERTIFICATE", certificate, "KEY", key, "FOLDER", folder)
			sitetest.Must(t, os.WriteFile(config, []byte(fill.Replace(strings.ReplaceAll(proxy.config, "TOPIC", topic))+"\n"), 0o600))
			process := exec.Command(path, append(proxy.args, config)...)
			process.Env = append(os.Environ(), "HOME="+folder)
			var said sitetest.LockedBuffer
			process.Stdout, process.Stderr = &said, &said
			sitetest.Must(t, process.Start())
			t.Cleanup(func() { process.Process.Kill(); process.Wait() })

			ada := (&sitetest.Site{T: t, URL: public.String(), DB: trusting.DB}).Visitor()
			from := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)} // so that the client is not the proxy
			ada.Client.Transport = &http.Transport{
				TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
				DialContext:     (&net.Dialer{LocalAddr: from}).DialContext,
			}
			for tries := 0; ; tries++ {
				if connection, err := net.Dial("tcp", front); err == nil {
					connection.Close()
					break
				}
				if tries == 500 {
					t.Fatalf("%s does not start:\n%s", name, &said)
				}
				time.Sleep(20 * time.Millisecond)
			}
			ada.Header.Set("X-Forwarded-For", "203.0.113.9") // a claim of its own
			ada.Header.Set("X-Forwarded-Proto", "http")
			ada.Header.Set("Origin", public.String())
			page := ada.Get("/login").Answers(200)
			if strings.Contains(page.Body, "misconfigured") {
				t.Errorf("the sign-in complains: %s\n%s", page.Body, &said)
			}
			answer := ada.Login("ada", sitetest.Password).LeadsTo("/dashboard")
			if cookie := answer.Response.Header.Get("Set-Cookie"); !strings.HasPrefix(cookie, "__Host-daypass=") || !strings.Contains(cookie, "secure") {
				t.Errorf("the cookie is %s", cookie)
			}
			if answer.Response.Header.Get("Strict-Transport-Security") == "" {
				t.Error("no HSTS")
			}
			ada.Get("/dashboard").Answers(200).Says("127.0.0.2")

			// Nor does the request line choose the name.
			absolute, err := tls.Dial("tcp", front, &tls.Config{InsecureSkipVerify: true})
			sitetest.Must(t, err)
			fmt.Fprintf(absolute, "GET https://%s/login HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", front)
			if said, err := io.ReadAll(absolute); err != nil || strings.Contains(string(said), "another name") {
				t.Errorf("an absolute request line: %v\n%s", err, said)
			}

			// An open page hears through the proxy that its session has ended.
			watch, err := http.NewRequest("GET", public.String()+"/session/watch", nil)
			sitetest.Must(t, err)
			stream, err := ada.Client.Do(watch)
			sitetest.Must(t, err)
			defer stream.Body.Close()
			events := bufio.NewReader(stream.Body)
			if line, err := events.ReadString('\n'); err != nil || line != "retry: 1000\n" {
				t.Fatalf("the stream begins with %q, %v", line, err)
			}
			sessions, err := trusting.DB.SearchSessions(t.Context(), models.SessionFilter{}, 10)
			sitetest.Must(t, err)
			if sessions[0].Address != "127.0.0.2" || !strings.Contains(trusting.Log.String(), "address=127.0.0.2") {
				t.Errorf("the address is %s", sessions[0].Address)
			}
			ada.Post("/logout").LeadsTo("/login?left=1")
			ada.Get("/dashboard").LeadsToSignIn()
			if rest, err := io.ReadAll(events); err != nil || !strings.Contains(string(rest), "event: ended") {
				t.Errorf("the stream ends with %q, %v", rest, err)
			}
		})
	}
}

// selfSigned makes a certificate for this machine.
func selfSigned(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	sitetest.Must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	sitetest.Must(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	sitetest.Must(t, err)
	certificate, key = filepath.Join(t.TempDir(), "certificate.pem"), filepath.Join(t.TempDir(), "key.pem")
	sitetest.Must(t, os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}), 0o600))
	sitetest.Must(t, os.WriteFile(certificate+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}), 0o600)) // where HAProxy looks for it
	sitetest.Must(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}), 0o600))
	return certificate, key
}
