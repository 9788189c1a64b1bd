package handlers_test

import (
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"daypass/handlers/sitetest"
)

func TestTheFirstStart(t *testing.T) {
	t.Parallel()
	site := sitetest.StartEmpty(t)
	first := site.Visitor()
	for _, path := range []string{"/", "/login", "/dashboard", "/nothing"} {
		first.Get(path).LeadsTo("/setup")
	}
	first.Login("ada", sitetest.Password).LeadsTo("/setup")
	for _, path := range []string{"/setup", "/setup?token=guessed", "/setup?token="} {
		first.Get(path).Answers(403).Says("Almost there").SetsNoCookie()
	}
	form := []string{"username", "Ada", "full_name", "Ada Lovelace", "password", sitetest.Password, "token"}
	first.Post("/setup", append(form, "guessed")...).Answers(403)

	token := "the link of the terminal"
	first.Get("/setup?token=" + url.QueryEscape(token)).Answers(200).Says("Create the first account")
	first.Post("/setup", "username", "Ada", "full_name", "Ada <b>", "password", "short", "token", token).
		Answers(422).Says("at least 15 characters").Says(`value="Ada"`).Says(`value="Ada &lt;b&gt;"`).SetsNoCookie()
	if users := site.Count(`SELECT COUNT(*) FROM users`); users != 0 {
		t.Fatalf("there are %d users", users)
	}

	// Two people have the link and use it at once: one gets the account.
	var wg sync.WaitGroup
	var made atomic.Int32
	for i := range 8 {
		wg.Go(func() {
			answer := site.Visitor().Post("/setup", "username", fmt.Sprint("admin", i), "full_name", "", "password", sitetest.Password, "token", token)
			switch answer.Response.StatusCode {
			case 303:
				made.Add(1)
			case 404:
				answer.SetsNoCookie()
			default:
				t.Errorf("answered %d", answer.Response.StatusCode)
			}
		})
	}
	wg.Wait()
	if made.Load() != 1 || site.Count(`SELECT COUNT(*) FROM users`) != 1 {
		t.Fatalf("%d people made the first account", made.Load())
	}
	first.Get("/setup?token=" + url.QueryEscape(token)).Answers(404).Says("Already set up").Says(`href="/login"`)
	first.Post("/setup", append(form, token)...).Answers(404)
	first.Get("/dashboard").LeadsToSignIn()
}
