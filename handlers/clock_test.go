package handlers

import (
	"net/url"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"daypass/models"
)

// clockSite is a site whose clock stands still until it is put forward.
type clockSite struct {
	*testSite
	file   string
	offset atomic.Int64
}

// newClockSite makes a site on a new database; set may change its configuration.
func newClockSite(t *testing.T, set ...func(*Config)) *clockSite {
	t.Helper()
	site := &clockSite{file: filepath.Join(t.TempDir(), "daypass.db")}
	db, err := models.Open(t.Context(), site.file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	begin := time.Now().Truncate(time.Minute)
	db.Now = func() time.Time { return begin.Add(time.Duration(site.offset.Load())) }
	config := Config{
		URL: &url.URL{Scheme: "http", Host: "localhost"}, Secrets: []string{"3Yx1dQ8mVt0sGpB7nKcJ5wLhRzE2aUfI"}, Lifetime: 24 * time.Hour, Log: db.Log,
	}
	for _, change := range set {
		change(&config)
	}
	app, err := New(db, config)
	if err != nil {
		t.Fatal(err)
	}
	site.testSite = &testSite{visitor{t: t, app: app}}
	return site
}

// later puts the clock forward.
func (s *clockSite) later(by time.Duration) { s.offset.Add(int64(by)) }

// again is the same site after a restart with another configuration.
func (s *clockSite) again(t *testing.T, set func(*Config)) *visitor {
	t.Helper()
	config := s.app.Config
	set(&config)
	app, err := New(s.app.db, config)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t: t, app: app}
}

// secureURL is a public URL under https.
func secureURL(c *Config) { c.URL = &url.URL{Scheme: "https", Host: "dash.example.org"} }

// with is somebody whose browser holds this cookie.
func (v *visitor) with(cookie string) *visitor { return &visitor{v.t, v.app, cookie} }

// tables are the rows of all tables.
func (s *clockSite) tables() map[string]string {
	s.t.Helper()
	return tablesOf(s.t, s.file)
}
