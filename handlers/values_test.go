package handlers

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/gofiber/fiber/v2"

	"daypass/handlers/web"
	"daypass/models"
)

// TestS10ParallelRequestsKeepWhatTheySet asks as a browser does: 64 requests at
// once, each of which sets another value in the one session.
func TestS10ParallelRequestsKeepWhatTheySet(t *testing.T) {
	app := newApp(t)
	app.Post("/values/:name", func(c *fiber.Ctx) error {
		return app.db.SetValue(c.UserContext(), sessionOf(c), c.Params("name"), web.Form(c, "value"))
	})
	if _, err := app.db.AddUser(t.Context(), models.NewUser{Name: "ada", Password: benchWord, Role: models.Member}, models.CommandLine); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- app.Serve(ctx, listener) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	site := "http://" + listener.Addr().String()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.PostForm(site+"/login", url.Values{"username": {"ada"}, "password": {benchWord}})
	if err != nil || response.StatusCode != http.StatusSeeOther {
		t.Fatal(response, err)
	}
	response.Body.Close()
	cookie := response.Header.Get("Set-Cookie")

	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			request, _ := http.NewRequest("POST", fmt.Sprintf("%s/values/name%d", site, i), strings.NewReader(fmt.Sprint("value=", i)))
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			request.Header.Set("Cookie", cookie)
			response, err := client.Do(request)
			if err != nil || response.StatusCode != http.StatusOK {
				t.Error(response, err)
				return
			}
			response.Body.Close()
		})
	}
	wg.Wait()
	sessions, err := app.db.Sessions(t.Context(), "", 10)
	if err != nil || len(sessions) != 1 {
		t.Fatal(sessions, err)
	}
	for i := range 64 {
		if value, err := app.db.Value(t.Context(), &sessions[0], fmt.Sprint("name", i)); err != nil || value != fmt.Sprint(i) {
			t.Errorf("name%d is %q, %v", i, value, err)
		}
	}
}
