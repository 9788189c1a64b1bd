package handlers

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"daypass/models"
)

// testSite is a site in which a page can be tried out as its users do, without
// a port. It is a stranger's browser, too.
type testSite struct{ visitor }

// newTestSite makes a site on a new database.
func newTestSite(t *testing.T) *testSite {
	t.Helper()
	return &testSite{visitor{t: t, app: newApp(t)}}
}

// signedIn adds a user and signs in.
func (s *testSite) signedIn(name string, role models.Role) *visitor {
	s.t.Helper()
	const password = "a walk in the wet grass"
	if _, err := s.app.db.AddUser(s.t.Context(), models.NewUser{Name: name, Password: password, Role: role}, models.CommandLine); err != nil {
		s.t.Fatal(err)
	}
	answer := s.post("/login", "username", name, "password", password).leadsTo("/dashboard")
	cookie, _, _ := strings.Cut(answer.header.Get("Set-Cookie"), ";")
	return &visitor{s.t, s.app, cookie}
}

// visitor asks for pages with a cookie, or without one.
type visitor struct {
	t      *testing.T
	app    *App
	cookie string
}

func (v *visitor) visit(path string) *answer {
	v.t.Helper()
	return v.do(http.MethodGet, path, nil)
}

// post sends a form, whose fields stand in pairs: name, value.
func (v *visitor) post(path string, pairs ...string) *answer {
	v.t.Helper()
	fields := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		fields.Set(pairs[i], pairs[i+1])
	}
	return v.do(http.MethodPost, path, fields)
}

func (v *visitor) do(method, path string, fields url.Values) *answer {
	v.t.Helper()
	request, err := http.NewRequest(method, path, strings.NewReader(fields.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	request.Host = v.app.URL.Host
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Cookie", v.cookie)
	response, err := v.app.Test(request, -1)
	if err != nil {
		v.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	if method == http.MethodPost && response.StatusCode == http.StatusOK {
		v.t.Errorf("POST %s answers with a page: loading it again would do again what was done", path)
	}
	return &answer{v.t, method + " " + path, response.StatusCode, response.Header, string(body)}
}

// answer is what came back.
type answer struct {
	t      *testing.T
	to     string
	status int
	header http.Header
	body   string
}

func (a *answer) answers(status int) *answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s answered %d, not %d:\n%s", a.to, a.status, status, a.body)
	}
	return a
}

func (a *answer) leadsTo(path string) *answer {
	a.t.Helper()
	a.answers(http.StatusSeeOther)
	if to := a.header.Get("Location"); to != path {
		a.t.Fatalf("%s leads to %q, not %q", a.to, to, path)
	}
	return a
}

func (a *answer) says(text string) *answer {
	a.t.Helper()
	if !strings.Contains(a.body, text) {
		a.t.Fatalf("%s does not say %q:\n%s", a.to, text, a.body)
	}
	return a
}

func (a *answer) saysNot(text string) *answer {
	a.t.Helper()
	if strings.Contains(a.body, text) {
		a.t.Fatalf("%s says %q:\n%s", a.to, text, a.body)
	}
	return a
}

// first returns the first part of the page that a pattern's group matches.
func (a *answer) first(pattern string) string {
	a.t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(a.body)
	if found == nil {
		a.t.Fatalf("%s has nothing like %s:\n%s", a.to, pattern, a.body)
	}
	return found[1]
}
