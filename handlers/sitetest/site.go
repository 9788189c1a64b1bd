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
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"daypass/handlers"
	"daypass/handlers/command"
	"daypass/models"
)

// This file tells the product from outside: what a browser, a stranger and an
// operator may rely on, over real HTTP. S1 to S15 are the promises of the
// README's section "How safe it is".

const (
	Password = "a walk in the wet grass"
	SecretA  = "3Yx1dQ8mVt0sGpB7nKcJ5wLhRzE2aUfI"
	SecretB  = "q9ZkT4bXw6NvC1yHjM8sPgD3eRoA7uLi"
)

// Site is the whole product on a port and a database of its own.
type Site struct {
	T      *testing.T
	URL    string
	File   string
	DB     *models.DB
	App    *handlers.App
	Log    *LockedBuffer
	Offset atomic.Int64 // nanoseconds that the clock is ahead
	still  atomic.Int64 // Unix nanoseconds at which the clock stands, or zero
	Broken atomic.Bool  // makes a handler panic
	Stop   func()

	mutex   sync.Mutex
	secrets []string // all that a browser sent or got and the log must not tell
}

// LockedBuffer is a log that may be read while it is written.
type LockedBuffer struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

// Start runs a site with the administrator ada; set may change its configuration.
func Start(t *testing.T, set ...func(*handlers.Config)) *Site {
	t.Helper()
	site := StartEmpty(t, set...)
	site.AddUser("ada", models.Admin)
	return site
}

// StartEmpty runs a site without a user.
func StartEmpty(t *testing.T, set ...func(*handlers.Config)) *Site {
	t.Helper()
	return StartOn(t, filepath.Join(t.TempDir(), "daypass.db"), set...)
}

// StartOn runs a site on a database file.
func StartOn(t *testing.T, file string, set ...func(*handlers.Config)) *Site {
	t.Helper()
	site := &Site{T: t, File: file, Log: &LockedBuffer{}}
	var err error
	site.DB, err = models.Open(t.Context(), file)
	Must(t, err)
	site.DB.Now = func() time.Time {
		if site.Broken.Load() {
			panic("a test panics")
		}
		now := time.Now()
		if at := site.still.Load(); at != 0 {
			now = time.Unix(0, at)
		}
		return now.Add(time.Duration(site.Offset.Load()))
	}
	site.DB.Log = slog.New(slog.NewTextHandler(site.Log, nil))
	Must(t, site.DB.CheckRestored(t.Context()))

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Must(t, err)
	site.URL = "http://" + listener.Addr().String()
	config := handlers.Config{
		URL: &url.URL{Scheme: "http", Host: listener.Addr().String()}, Secrets: []string{SecretA},
		Lifetime: 24 * time.Hour, SetupToken: "the link of the terminal", Log: site.DB.Log, Version: command.Version,
	}
	for _, change := range set {
		change(&config)
	}
	site.App, err = handlers.New(site.DB, config)
	Must(t, err)

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

func Must(t *testing.T, err error) {
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

func (b *LockedBuffer) Write(line []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.Write(line)
}

func (b *LockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.String()
}

// AddUser adds a user whose password is password.
func (s *Site) AddUser(name string, role models.Role) *models.User {
	s.T.Helper()
	user, err := s.DB.AddUser(s.T.Context(), models.NewUser{Name: name, Password: Password, Role: role}, models.CommandLine)
	Must(s.T, err)
	return user
}

// Advance puts the clock forward.
func (s *Site) Advance(by time.Duration) { s.Offset.Add(int64(by)) }

// StopClock lets no time pass but what later says.
func (s *Site) StopClock() { s.still.Store(time.Now().Truncate(time.Second).UnixNano()) }

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
		sessions, _, err := s.DB.SessionsOf(s.T.Context(), whose, 1)
		Must(s.T, err)
		id = sessions[0].ID
	}
	if strings.Contains(route, ":name") {
		route = strings.ReplaceAll(route, ":name", s.asset())
	}
	return strings.NewReplacer(":id", id, ":act", "disable").Replace(route)
}

// SessionID is the name under which the only session is kept.
func (s *Site) SessionID() (id string) {
	s.T.Helper()
	sessions, err := s.DB.Sessions(s.T.Context(), "", 100)
	Must(s.T, err)
	if len(sessions) != 1 {
		s.T.Fatalf("there are %d sessions", len(sessions))
	}
	return sessions[0].ID
}

func (s *Site) User(name string) *models.User {
	s.T.Helper()
	user, err := s.DB.User(s.T.Context(), name)
	Must(s.T, err)
	return user
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

// Life is a day and a half of what people do, for pages to show something.
func (s *Site) Life(users ...string) {
	s.T.Helper()
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
	s.Offset.Store(0)
}
