package session

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"daypass/models"
	"daypass/models/database/databasetest"
)

// errDisk is what a failing disk answers.
var errDisk = errors.New("the disk fails")

// failing is a storage that fails as long as it is told to.
type failing struct {
	fiber.Storage
	reads, writes bool
}

func (f *failing) Get(key string) ([]byte, error) {
	if f.reads {
		return nil, errDisk
	}
	return f.Storage.Get(key)
}

func (f *failing) Set(key string, value []byte, lifetime time.Duration) error {
	if f.writes {
		return errDisk
	}
	return f.Storage.Set(key, value, lifetime)
}

// TestS11AFailingStorageEndsNoSession, and begins none: what can't be read now
// may be there later, and what was not stored must not be promised.
func TestS11AFailingStorageEndsNoSession(t *testing.T) {
	t.Parallel()
	db, err := models.Open(t.Context(), databasetest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ada, err := db.AddUser(t.Context(), models.NewUser{Name: "ada", Password: "a walk in the wet grass", Role: models.Admin}, models.CommandLine)
	if err != nil {
		t.Fatal(err)
	}
	disk := &failing{Storage: db.Storage()}
	m := New(db, Config{
		Secrets: []string{"3Yx1dQ8mVt0sGpB7nKcJ5wLhRzE2aUfI"}, Lifetime: time.Hour, Log: slog.New(slog.DiscardHandler),
		Client: func(*fiber.Ctx) models.ClientInfo { return models.ClientInfo{} },
	})
	m.store.Storage = &storage{disk, m.keys}
	var failed error
	app := fiber.New(fiber.Config{ErrorHandler: func(c *fiber.Ctx, err error) error {
		failed = err
		return c.SendStatus(http.StatusTeapot)
	}})
	app.Post("/", func(c *fiber.Ctx) error { _, err := m.SignIn(c, models.SignIn{User: ada}); return err })
	app.Get("/", func(c *fiber.Ctx) error { _, err := m.Load(c); return err })
	ask := func(method, cookie string) (set string) {
		t.Helper()
		failed = nil
		request, err := http.NewRequest(method, "http://localhost/", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Cookie", cookie)
		response, err := app.Test(request, -1)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		set, _, _ = strings.Cut(response.Header.Get("Set-Cookie"), ";")
		return set
	}
	alive := func() int {
		t.Helper()
		sessions, err := db.SearchSessions(t.Context(), models.SessionFilter{}, 10)
		if err != nil {
			t.Fatal(err)
		}
		return len(sessions)
	}

	disk.writes = true
	if ask("POST", ""); !errors.Is(failed, errDisk) || alive() != 0 {
		t.Errorf("a sign-in that is not stored ends with %v, and there are %d sessions", failed, alive())
	}
	disk.writes = false
	cookie := ask("POST", "")
	if failed != nil || cookie == "" || alive() != 1 {
		t.Fatalf("the sign-in ends with %v, %q and %d sessions", failed, cookie, alive())
	}
	disk.reads = true
	for range 3 {
		if ask("GET", cookie); !errors.Is(failed, errDisk) || errors.Is(failed, models.ErrNotFound) || alive() != 1 {
			t.Errorf("a session that can't be read ends with %v, and there are %d", failed, alive())
		}
	}
	disk.reads = false
	if ask("GET", cookie); failed != nil {
		t.Errorf("later: %v", failed)
	}
}
