package sitetest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/gob"
	"errors"
	"log/slog"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"daypass/handlers"
	"daypass/handlers/command"
	"daypass/models"
	"daypass/models/database/databasetest"
)

const (
	// Password is the password of every user that [Site.AddUser] adds.
	Password = "a walk in the wet grass"

	// SecretA signs the cookies of a site unless its configuration says otherwise.
	SecretA = "3Yx1dQ8mVt0sGpB7nKcJ5wLhRzE2aUfI"

	// SecretB is another valid secret, to rotate to.
	SecretB = "q9ZkT4bXw6NvC1yHjM8sPgD3eRoA7uLi"
)

// Site is the whole product on a port and a database of its own.
type Site struct {
	T      *testing.T
	URL    string        // where it listens
	File   string        // its database: a file, or a URL on PostgreSQL
	DB     *models.DB    // the open database
	App    *handlers.App // what is served
	Log    *LockedBuffer // what it logged
	Broken atomic.Bool   // makes a handler panic
	Stop   func()        // ends it, before the test does

	clock   *clock
	set     []func(*handlers.Config)
	mutex   sync.Mutex
	secrets []string // all that a browser sent or got and the log must not tell
}

// clock is the real time, or one that stands still, plus what it was put forward.
type clock struct {
	ahead atomic.Int64 // nanoseconds
	still atomic.Int64 // Unix nanoseconds at which it stands, or zero
}

func (c *clock) now() time.Time {
	now := time.Now()
	if at := c.still.Load(); at != 0 {
		now = time.Unix(0, at)
	}
	return now.Add(time.Duration(c.ahead.Load()))
}

// LockedBuffer is a log that may be read while it is written.
type LockedBuffer struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

var (
	withAda      = databasetest.Template{Make: func(address string) error { return prepare(address, ada) }}
	withoutUsers = databasetest.Template{Make: func(address string) error { return prepare(address) }}
	ada          = models.NewUser{Name: "ada", Password: Password, Role: models.Admin}
)

// prepare makes a database with these users.
func prepare(address string, users ...models.NewUser) error {
	ctx := context.Background()
	db, err := models.Open(ctx, address)
	if err != nil {
		return err
	}
	for _, user := range users {
		if _, err := db.AddUser(ctx, user, models.CommandLine); err != nil {
			return errors.Join(err, db.Close())
		}
	}
	return db.Close()
}

// Start runs a site with the administrator ada; set may change its configuration.
func Start(t *testing.T, set ...func(*handlers.Config)) *Site {
	t.Helper()
	return StartOn(t, withAda.Copy(t), set...)
}

// StartEmpty runs a site without a user.
func StartEmpty(t *testing.T, set ...func(*handlers.Config)) *Site {
	t.Helper()
	return StartOn(t, withoutUsers.Copy(t), set...)
}

// StartOn runs a site on the database at an address.
func StartOn(t *testing.T, file string, set ...func(*handlers.Config)) *Site {
	t.Helper()
	return start(t, file, &clock{}, nil, set)
}

// StartPrepared runs a site without a user, whose App prepare changes before it is served.
func StartPrepared(t *testing.T, prepare func(*handlers.App), set ...func(*handlers.Config)) *Site {
	t.Helper()
	return start(t, withoutUsers.Copy(t), &clock{}, prepare, set)
}

// Restart stops the site and starts it again, on the same database and with the
// same clock; set may change its configuration further.
func (s *Site) Restart(set ...func(*handlers.Config)) *Site {
	s.T.Helper()
	s.Stop()
	return start(s.T, s.File, s.clock, nil, slices.Concat(s.set, set))
}

func start(t *testing.T, file string, clock *clock, prepare func(*handlers.App), set []func(*handlers.Config)) *Site {
	t.Helper()
	site := &Site{T: t, File: file, Log: &LockedBuffer{}, clock: clock, set: set}
	var err error
	site.DB, err = models.Open(t.Context(), file)
	Must(t, err)
	site.DB.Now = func() time.Time {
		if site.Broken.Load() {
			panic("a test panics")
		}
		return clock.now()
	}
	site.DB.Log = slog.New(slog.NewTextHandler(site.Log, nil))
	Must(t, site.DB.CheckRestored(t.Context()))

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Must(t, err)
	site.URL = "http://" + listener.Addr().String()
	config := handlers.Config{
		URL: &url.URL{Scheme: "http", Host: listener.Addr().String()}, Secrets: []string{SecretA},
		Lifetime: 24 * time.Hour, SetupToken: "the link of the terminal", AddAdmin: "./daypass user add admin --admin --database data/daypass.db", Log: site.DB.Log, Version: command.Version,
	}
	for _, change := range set {
		change(&config)
	}
	site.App, err = handlers.New(site.DB, config)
	Must(t, err)
	if prepare != nil {
		prepare(site.App)
	}

	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- site.App.Serve(ctx, listener) }()
	site.DB.Start()
	site.Stop = sync.OnceFunc(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
		site.DB.Close()
		site.toldNoSecret()
	})
	t.Cleanup(site.Stop)
	return site
}

// Must fails the test when there is an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Until waits for something to become true.
func Until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 1500 {
		if is() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("it never came to this: %s", what)
}

// KeepsSecret says that the log must not tell this.
func (s *Site) KeepsSecret(secret string) {
	if len(secret) >= 12 { // shorter ones stand in any text
		s.mutex.Lock()
		defer s.mutex.Unlock()
		s.secrets = append(s.secrets, secret)
	}
}

// toldNoSecret looks for all of them.
func (s *Site) toldNoSecret() {
	log := s.Log.String()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, secret := range s.secrets {
		if strings.Contains(log, secret) {
			s.T.Errorf("the log tells %q", secret)
		}
	}
}

// Write implements [io.Writer].
func (b *LockedBuffer) Write(line []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.Write(line)
}

// String returns what was written so far.
func (b *LockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.String()
}

// AddUser adds a user whose password is [Password].
func (s *Site) AddUser(name string, role models.Role) *models.User {
	s.T.Helper()
	user, err := s.DB.AddUser(s.T.Context(), models.NewUser{Name: name, Password: Password, Role: role}, models.CommandLine)
	Must(s.T, err)
	return user
}

// Advance puts the clock forward.
func (s *Site) Advance(by time.Duration) { s.clock.ahead.Add(int64(by)) }

// StopClock stops the clock at the beginning of the next minute. From then on
// [Site.Advance] alone moves it.
func (s *Site) StopClock() {
	s.clock.still.Store(time.Now().Truncate(time.Minute).Add(time.Minute).UnixNano())
}

// ResetClock takes back what the clock was put forward.
func (s *Site) ResetClock() { s.clock.ahead.Store(0) }

// asset is the name of a file that every page asks for.
func (s *Site) asset() string {
	s.T.Helper()
	return regexp.MustCompile(`/public/(app\.[0-9a-f]{12}\.css)`).FindStringSubmatch(s.Visitor().Get("/login").Body)[1]
}

// PathOf fills in what a route leaves open: by the user's ID or that of the user's latest session.
func (s *Site) PathOf(route, user string) string {
	s.T.Helper()
	whose := s.User(user)
	id := whose.ID
	if strings.Contains(route, "sessions/:id") {
		id = s.SessionsOf(user)[0].ID
	}
	if strings.Contains(route, ":name") {
		route = strings.ReplaceAll(route, ":name", s.asset())
	}
	return strings.NewReplacer(":id", id, ":act", "disable").Replace(route)
}

// SessionID returns the ID that the only session has in the database.
func (s *Site) SessionID() (id string) {
	s.T.Helper()
	sessions, err := s.DB.SearchSessions(s.T.Context(), models.SessionFilter{}, 100)
	Must(s.T, err)
	if len(sessions) != 1 {
		s.T.Fatalf("there are %d sessions", len(sessions))
	}
	return sessions[0].ID
}

// User returns a user by name.
func (s *Site) User(name string) *models.User {
	s.T.Helper()
	user, err := s.DB.User(s.T.Context(), name)
	Must(s.T, err)
	return user
}

// SessionsOf returns the sessions of a user, the latest first.
func (s *Site) SessionsOf(name string) []models.Session {
	s.T.Helper()
	sessions, _, err := s.DB.SessionsOf(s.T.Context(), s.User(name), 100)
	Must(s.T, err)
	return sessions
}

// Session makes a session as a sign-in does, and returns its ID in the
// database and its cookie.
func (s *Site) Session(user *models.User) (id, cookie string) {
	secret := rand.Text() + rand.Text()
	sum := sha256.Sum256([]byte(secret))
	id = base32.StdEncoding.EncodeToString(sum[:20])[:26]
	mac := hmac.New(sha256.New, []byte(SecretA))
	mac.Write([]byte(secret))
	var payload bytes.Buffer
	gob.NewEncoder(&payload).Encode(map[string]any{"user": user.ID})
	if err := s.DB.Storage().Set(id, payload.Bytes(), time.Hour); err != nil {
		s.T.Error(err)
	}
	if _, err := s.DB.AddSession(s.T.Context(), models.SignIn{ID: id, User: user, Lifetime: time.Hour}); err != nil && !errors.Is(err, models.ErrRefused) {
		s.T.Error(err)
	}
	return id, "s:" + secret + "." + base64.RawStdEncoding.EncodeToString(mac.Sum(nil))
}

// Life lets users sign in, mistype and sign out for a day and a half, so that pages have something to show.
func (s *Site) Life(users ...string) {
	s.T.Helper()
	defer s.clock.ahead.Store(s.clock.ahead.Load())
	agents := []string{
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0",
		"Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36",
	}
	for i, agent := range agents {
		for _, user := range users {
			b := s.Visitor()
			b.Header.Set("User-Agent", agent)
			if i == 1 {
				b.Login(user, "not the password").Answers(422)
			}
			b.Login(user, Password).LeadsTo("/dashboard")
			if i == 0 {
				s.Advance(3 * time.Hour)
				b.Post("/logout").LeadsTo("/login?left=1")
			}
		}
		s.Advance(11*time.Hour + 7*time.Minute)
	}
}
