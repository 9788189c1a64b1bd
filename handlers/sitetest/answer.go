package sitetest

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// Answer is what a site answered. Its methods fail the test when the answer is
// not what they name, and return the answer, for the next one.
type Answer struct {
	T        *testing.T
	To       string // the request's method and path
	Response *http.Response
	Body     string
}

// Answers expects a status.
func (a *Answer) Answers(status int) *Answer {
	a.T.Helper()
	if a.Response.StatusCode != status {
		a.T.Fatalf("%s answered %d, not %d\n%s", a.To, a.Response.StatusCode, status, a.Body)
	}
	return a
}

// LeadsTo expects a redirect to a path.
func (a *Answer) LeadsTo(path string) *Answer {
	a.T.Helper()
	a.Answers(http.StatusSeeOther)
	if to := a.Response.Header.Get("Location"); to != path {
		a.T.Fatalf("%s leads to %q, not %q", a.To, to, path)
	}
	return a
}

// LeadsToSignIn expects a redirect to the sign-in page.
func (a *Answer) LeadsToSignIn() *Answer {
	a.T.Helper()
	a.Answers(http.StatusSeeOther)
	if to := a.Response.Header.Get("Location"); !strings.HasPrefix(to, "/login") {
		a.T.Fatalf("%s leads to %q, not to the sign-in", a.To, to)
	}
	return a
}

// LeadsToConfirm expects a redirect to the page that asks for the password.
func (a *Answer) LeadsToConfirm() *Answer {
	a.T.Helper()
	if to := a.Answers(http.StatusSeeOther).Response.Header.Get("Location"); !strings.HasPrefix(to, "/confirm?") {
		a.T.Fatalf("%s leads to %q, not to the page that asks for the password", a.To, to)
	}
	return a
}

// Says expects a text in the page.
func (a *Answer) Says(text string) *Answer {
	a.T.Helper()
	if !strings.Contains(a.Body, text) {
		a.T.Fatalf("%s does not say %q:\n%s", a.To, text, a.Body)
	}
	return a
}

// SaysNot expects that a text is not in the page.
func (a *Answer) SaysNot(text string) *Answer {
	a.T.Helper()
	if strings.Contains(a.Body, text) {
		a.T.Fatalf("%s says %q:\n%s", a.To, text, a.Body)
	}
	return a
}

// First returns the first part of the page that a pattern's group matches.
func (a *Answer) First(pattern string) string {
	a.T.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(a.Body)
	if found == nil {
		a.T.Fatalf("%s has nothing like %s:\n%s", a.To, pattern, a.Body)
	}
	return found[1]
}

// SetsNoCookie expects that the answer sets no cookie.
func (a *Answer) SetsNoCookie() *Answer {
	a.T.Helper()
	if set := a.Response.Header.Values("Set-Cookie"); len(set) > 0 {
		a.T.Fatalf("%s sets %q", a.To, set)
	}
	return a
}
