package handlers

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"daypass/models"
)

// wire is a connection on which everything was sent already.
type wire struct {
	io.Reader
	sent bytes.Buffer
}

func (w *wire) Write(p []byte) (int, error) { return w.sent.Write(p) }

func (*wire) Close() error { return nil }

func (*wire) LocalAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 3000} }

func (*wire) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4000} }

func (*wire) SetDeadline(time.Time) error { return nil }

func (*wire) SetReadDeadline(time.Time) error { return nil }

func (*wire) SetWriteDeadline(time.Time) error { return nil }

// fuzzed is a site with the user ada.
func fuzzed(f *testing.F) *App {
	app := newApp(f)
	if _, err := app.db.AddUser(f.Context(), models.NewUser{Name: "ada", Password: "a walk in the wet grass", Role: models.Admin}, models.CommandLine); err != nil {
		f.Fatal(err)
	}
	app.Handler() // builds the tree of routes
	return app
}

// ask sends bytes and returns the answers, none of which may be an error of the server.
func ask(t *testing.T, app *App, request []byte) {
	connection := &wire{Reader: bytes.NewReader(request)}
	app.Server().ServeConn(connection)
	for replies := bufio.NewReader(&connection.sent); ; {
		reply, err := http.ReadResponse(replies, nil)
		if err != nil {
			break
		}
		body, _ := io.ReadAll(reply.Body)
		if reply.StatusCode >= 500 || reply.StatusCode < 200 {
			t.Fatalf("%q is answered %d:\n%s", request, reply.StatusCode, body)
		}
		for _, cookie := range reply.Cookies() {
			t.Fatalf("%q is given the cookie %s", request, cookie)
		}
		if reply.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Fatalf("%q is answered without the headers: %v", request, reply.Header)
		}
		if len(body) == 0 && reply.ContentLength != 0 {
			break // the answer to a HEAD; where the next begins can't be told
		}
	}
}

// FuzzRequest sends any bytes at all to the whole site.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /login?next=//evil HTTP/1.1\r\nHost: x\r\nCookie: daypass=s:x.y; daypass-known=a.b~c\r\n\r\n",
		"POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 12\r\n\r\nusername=%00",
		"POST /setup HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\ntoken\r\n0\r\n\r\n",
		"HEAD /sessions/%ff/end HTTP/1.0\r\n\r\n", "BREW /admin HTTP/1.1\r\nHost: \xff\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET http://evil/dashboard HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: ,,\r\nForwarded: for=\"\r\n\r\nGET /public/..%2f HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip;q=x\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	app := fuzzed(f)
	f.Fuzz(func(t *testing.T, request []byte) { ask(t, app, request) })
}

// FuzzForm sends any form to the sign-in and to the setup.
func FuzzForm(f *testing.F) {
	for _, seed := range []string{"", "username=&password=", "username=%00&password=%ff", "username=a&username=b&next=//x", "token=x&username=y", "&&==%", strings.Repeat("a=b&", 100)} {
		f.Add(seed)
	}
	app := fuzzed(f)
	f.Fuzz(func(t *testing.T, body string) {
		for _, path := range []string{"/login", "/setup", "/logout", "/account/password"} {
			ask(t, app, fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body))
		}
	})
}
