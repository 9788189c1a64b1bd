package sitetest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"daypass/models"
)

// Browser is somebody who visits a site. It keeps the site's cookies and follows
// no redirect.
type Browser struct {
	T      *testing.T
	site   *Site
	Client *http.Client
	Header http.Header // sent with every request; Host may be among them
}

// Visitor returns a browser that has never been to the site.
func (s *Site) Visitor() *Browser {
	jar, err := cookiejar.New(nil)
	Must(s.T, err)
	transport := &http.Transport{}
	s.T.Cleanup(transport.CloseIdleConnections)
	return &Browser{s.T, s, &http.Client{
		Jar: jar, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, http.Header{"User-Agent": {"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"}, "Accept": {"text/html,*/*;q=0.8"}}}
}

// SignIn visits the site and signs in through its form.
func (s *Site) SignIn(name string) *Browser {
	s.T.Helper()
	b := s.Visitor()
	b.Login(name, Password).LeadsTo("/dashboard")
	return b
}

// SignedIn adds a user with [Password] and signs in.
func (s *Site) SignedIn(name string, role models.Role) *Browser {
	s.T.Helper()
	s.AddUser(name, role)
	return s.SignIn(name)
}

// SignInWith signs in with another password.
func (s *Site) SignInWith(name, password string) *Browser {
	s.T.Helper()
	b := s.Visitor()
	b.Login(name, password).LeadsTo("/dashboard")
	return b
}

// WithCookie returns a browser that sends this session cookie and keeps none.
func (s *Site) WithCookie(value string) *Browser { return s.WithCookies("daypass=" + value) }

// WithCookies returns a browser that always sends this Cookie header and keeps no
// cookie. Under an https public URL it is the only way to be signed in: the
// tests' connections are not secure, and a jar would hold the cookies back.
func (s *Site) WithCookies(header string) *Browser {
	b := s.Visitor()
	b.Client.Jar = nil
	b.Header.Set("Cookie", header)
	return b
}

// Do sends a request; fields, when there are any, as a form.
func (b *Browser) Do(method, path string, fields url.Values) *Answer {
	b.T.Helper()
	answer := b.Send(method, path, fields.Encode())
	for _, name := range []string{"password", "current", "token", "recovery_code"} {
		b.site.KeepsSecret(fields.Get(name))
	}
	return answer
}

// Send sends a request with a form that is encoded already.
func (b *Browser) Send(method, path, form string) *Answer {
	b.T.Helper()
	request, err := http.NewRequest(method, b.site.URL+path, strings.NewReader(form))
	Must(b.T, err)
	request.Header, request.Host = b.Header.Clone(), b.Header.Get("Host")
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := b.Client.Do(request)
	Must(b.T, err)
	defer response.Body.Close()
	var content []byte
	if response.Header.Get("Content-Type") != "text/event-stream" { // which ends when the session does
		content, err = io.ReadAll(response.Body)
		Must(b.T, err)
	}
	if method == http.MethodPost && response.StatusCode == http.StatusOK && response.Header.Get("Content-Disposition") == "" && !strings.Contains(string(content), `id="shown-once"`) && !strings.HasPrefix(response.Header.Get("Content-Type"), "application/json") { // a file leaves the page as it was; a secret that is shown once may be in no address
		b.T.Errorf("POST %s answers with a page: loading it again would do again what was done", path)
	}
	for _, cookie := range response.Cookies() {
		for _, part := range strings.FieldsFunc(cookie.Value, func(r rune) bool { return r == ':' || r == '.' || r == '~' }) {
			b.site.KeepsSecret(part)
		}
	}
	return &Answer{b.T, method + " " + path, response, string(content)}
}

// Raw sends the beginning of a request, as it is, and reads what the server says
// to that. A client that writes on while it is refused may lose the answer.
func (b *Browser) Raw(head string) *Answer {
	b.T.Helper()
	connection, err := net.Dial("tcp", strings.TrimPrefix(b.site.URL, "http://"))
	Must(b.T, err)
	defer connection.Close()
	connection.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprintf(connection, "%s\r\nHost: localhost\r\nCookie: %s\r\n\r\n", head, b.Header.Get("Cookie"))
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	Must(b.T, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	Must(b.T, err)
	return &Answer{b.T, head[:min(len(head), 40)], response, string(content)}
}

// Get asks for a page.
func (b *Browser) Get(path string) *Answer { b.T.Helper(); return b.Do("GET", path, nil) }

// Post sends a form, whose fields come in pairs: name, value.
func (b *Browser) Post(path string, pairs ...string) *Answer {
	b.T.Helper()
	fields := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		fields.Add(pairs[i], pairs[i+1])
	}
	return b.Do("POST", path, fields)
}

// Login sends the sign-in form.
func (b *Browser) Login(name, password string) *Answer {
	b.T.Helper()
	return b.Post("/login", "username", name, "password", password)
}

// Confirm follows an answer to the page that asks for the password, and enters one.
func (b *Browser) Confirm(answer *Answer, password string) *Answer {
	b.T.Helper()
	page := b.Get(answer.Answers(http.StatusSeeOther).Response.Header.Get("Location")).Answers(http.StatusOK).Says("Confirm it&#39;s you")
	return b.Post("/confirm", "form", page.First(`name="form" value="([\w-]+)"`), "next", page.First(`name="next" value="([^"]*)"`), "current", password)
}

// ConfirmWith does the same with a second factor: a field and its value.
func (b *Browser) ConfirmWith(answer *Answer, password, field, value string) *Answer {
	b.T.Helper()
	page := b.Get(answer.Answers(http.StatusSeeOther).Response.Header.Get("Location")).Answers(http.StatusOK).Says("Confirm it&#39;s you")
	return b.Post("/confirm", "form", page.First(`name="form" value="([\w-]+)"`), "next", page.First(`name="next" value="([^"]*)"`), "current", password, field, value)
}

// Cookie returns the value of the session cookie that the browser holds.
func (b *Browser) Cookie() string {
	b.T.Helper()
	address, err := url.Parse(b.site.URL)
	Must(b.T, err)
	for _, cookie := range b.Client.Jar.Cookies(address) {
		if cookie.Name == "daypass" {
			return cookie.Value
		}
	}
	b.T.Fatal("the browser holds no session cookie")
	return ""
}

// NewLink invites somebody and returns the token of the link.
func (b *Browser) NewLink(name string) string {
	b.T.Helper()
	page := b.Post("/admin/users/new", "username", name, "full_name", "", "role", "member")
	if to := page.Response.Header.Get("Location"); to != "" {
		page = b.Get(to)
	}
	token := regexp.MustCompile(`/link\?token=(\w+)`).FindStringSubmatch(page.Body)
	if token == nil {
		b.T.Fatalf("no link:\n%s", page.Body)
	}
	return token[1]
}

// TooLarge is the beginning of a form that is larger than the server takes.
const TooLarge = "POST /login HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000000"

// Address is where the browser's site is.
func (b *Browser) Address() string { return b.site.URL }
