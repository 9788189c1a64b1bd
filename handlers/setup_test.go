package handlers_test

import (
	"fmt"
	"net/url"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"

	"daypass/handlers/sitetest"
	"daypass/models/database/databasetest"
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

// TestOneLinkAtTwoServers at one moment makes one first administrator, who is known to both.
func TestOneLinkAtTwoServers(t *testing.T) {
	t.Parallel()
	folder, address := t.TempDir(), databasetest.New(t)
	link := regexp.MustCompile(`/setup\?token=(\S+)`)
	var sites []*sitetest.Site
	var tokens []string
	for range 2 {
		p := sitetest.Launch(t, folder, "--database", address)
		sitetest.Until(t, "it shows the link", func() bool { return link.MatchString(p.Out.String()) })
		sites = append(sites, &sitetest.Site{T: t, URL: p.URL, File: address})
		tokens = append(tokens, link.FindStringSubmatch(p.Out.String())[1])
	}
	if tokens[0] != tokens[1] {
		t.Errorf("the links are not the same: %q", tokens)
	}
	token, err := url.QueryUnescape(tokens[0])
	sitetest.Must(t, err)
	var all sync.WaitGroup
	made := make(chan *sitetest.Browser, 16)
	begin := make(chan bool)
	for i := range cap(made) {
		all.Go(func() {
			visitor := sites[i%2].Visitor()
			<-begin
			if status := visitor.Post("/setup", "username", fmt.Sprint("admin", i), "full_name", "", "password", sitetest.Password, "token", token).Response.StatusCode; status == 303 {
				made <- visitor
			} else if status != 404 {
				t.Errorf("answered %d", status)
			}
		})
	}
	close(begin)
	all.Wait()
	if len(made) != 1 || sites[0].Count(`SELECT COUNT(*) FROM users`) != 1 || sites[0].Count(`SELECT COUNT(*) FROM users WHERE role = 'admin'`) != 1 {
		t.Fatalf("%d people made the first account", len(made))
	}
	cookie := (<-made).Cookie()
	for _, site := range sites {
		site.WithCookie(cookie).Get("/dashboard").Answers(200)
		site.Visitor().Get("/setup?token=" + tokens[0]).Answers(404)
	}
}
