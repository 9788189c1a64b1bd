package handlers_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"daypass/handlers/sitetest"
	"daypass/models"
)

type problem struct {
	Title, Detail, Reference string
	Status                   int
	Errors                   map[string]string
}

// asks returns the problem that an answer describes as JSON.
func asks(answer *sitetest.Answer, status int) (found problem) {
	answer.T.Helper()
	answer.Answers(status).SetsNoCookie()
	if kind := answer.Response.Header.Get("Content-Type"); kind != "application/problem+json" {
		answer.T.Fatalf("%s answers %d with %s\n%s", answer.To, status, kind, answer.Body)
	}
	sitetest.Must(answer.T, json.Unmarshal([]byte(answer.Body), &found))
	if found.Status != status || found.Title == "" || found.Detail == "" || answer.Response.Header.Get("Cache-Control") != "no-store" {
		answer.T.Errorf("%s answers %+v", answer.To, found)
	}
	return found
}

// TestClientsThatTakeJSONGetErrorsAsJSON, and people never do.
func TestClientsThatTakeJSONGetErrorsAsJSON(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.StopClock()
	ada, eve := site.SignIn("ada"), site.SignedIn("eve", models.Member)
	visitor := site.Visitor()
	for _, accept := range []string{"application/json", "application/problem+json", "application/json, text/html;q=0.5", "text/html;q=0.1, application/json"} {
		for _, b := range []*sitetest.Browser{visitor, ada, eve} {
			b.Header.Set("Accept", accept)
		}
		if asks(visitor.Get("/dashboard"), 401); visitor.Get("/dashboard").Response.Header.Get("WWW-Authenticate") == "" {
			t.Error("401 without a way to sign in")
		}
		asks(visitor.Post("/account/name", "full_name", "x"), 401)
		asks(eve.Get("/admin"), 403)
		asks(ada.Get("/nothing"), 404)
		asks(ada.Get("/admin/users/nobody"), 404)
		if asks(ada.Get("/account/name"), 405); ada.Get("/account/name").Response.Header.Get("Allow") != "POST" {
			t.Error("405 does not say what is allowed")
		}
		if found := asks(ada.Post("/admin/users/new", "username", "a b", "full_name", "", "role", "member"), 422); found.Errors["username"] == "" || len(found.Errors) != 1 {
			t.Errorf("the fields are %+v", found)
		}
		ada.Header.Set("Sec-Fetch-Site", "cross-site")
		asks(ada.Post("/account/name", "full_name", "x"), 403)
		ada.Header.Del("Sec-Fetch-Site")
	}
	// By its path, unless the client names pages.
	visitor.Header.Del("Accept")
	asks(visitor.Post("/account/data.json"), 401)
	visitor.Header.Set("Accept", "*/*")
	asks(visitor.Post("/account/data.json"), 401)
	visitor.Get("/dashboard").LeadsToSignIn()
	visitor.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	visitor.Post("/account/data.json").LeadsToSignIn()

	site.Advance(16 * time.Minute)
	if found := asks(ada.Post("/admin/users/"+site.User("eve").ID+"/disable"), 403); !strings.Contains(found.Detail, "confirm who you are") {
		t.Errorf("a change that has to be confirmed is answered %+v", found)
	}
	site.Broken.Store(true)
	broken := ada.Get("/dashboard")
	site.Broken.Store(false)
	if found := asks(broken, 500); found.Reference == "" {
		t.Error("500 without a reference")
	}
}

// TestAProblemSaysWhatThePageSays: the reason itself, and how long to wait.
func TestAProblemSaysWhatThePageSays(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.StopClock()
	ada, visitor := site.SignIn("ada"), site.Visitor()
	ada.Header.Set("Accept", "application/json")
	visitor.Header.Set("Accept", "application/json")
	says := func(answer *sitetest.Answer, status int, detail string) problem {
		t.Helper()
		found := asks(answer, status)
		if found.Detail != detail {
			t.Errorf("%s answers %q instead of %q", answer.To, found.Detail, detail)
		}
		if status == 429 && answer.Response.Header.Get("Retry-After") == "" {
			t.Errorf("%s: 429 without Retry-After", answer.To)
		}
		return found
	}
	me := "/admin/users/" + site.User("ada").ID
	says(ada.Post(me+"/disable"), 422, "ada is the last administrator: make somebody else one first.")
	says(ada.Post("/admin/users/selected", "act", "disable", "id", site.User("ada").ID), 422, "The last administrator is among them: make somebody else one first.")
	for range 5 {
		says(visitor.Login("ada", "not the password"), 422, "Wrong username or password.")
	}
	says(visitor.Login("ada", "not the password"), 429, "Too many wrong passwords. You can try again in 1 second.")
	for range 5 {
		asks(ada.Post("/account/remove", "current", "not the password"), 422)
	}
	if found := says(ada.Post("/account/remove", "current", "not the password"), 429, "You can try again in 1 second."); found.Errors["current"] != "Too many wrong passwords." {
		t.Errorf("the fields are %+v", found.Errors)
	}
	says(flood(ada), 429, "Please wait a little before you try again.")
}

// flood has passwords judged until that is refused.
func flood(b *sitetest.Browser, pairs ...string) (last *sitetest.Answer) {
	for range 20 {
		if last = b.Post("/password/check", append(pairs, "password", "another walk in the wet grass")...); last.Response.StatusCode == 429 {
			break
		}
	}
	return last
}

func TestWhatProgramsLookFor(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	visitor := site.Visitor()
	for _, path := range []string{"/.well-known/", "/.well-known/security.txt", "/.well-known/a/b", "/.well-known/appspecific/com.chrome.devtools.json"} {
		visitor.Get(path).Answers(404).SetsNoCookie()
	}
	visitor.Get("/.well-known/change-password").LeadsTo("/account#current")
	site.SignIn("ada").Get("/account").Says(`id="current"`)
	if robots := visitor.Get("/robots.txt").Answers(200).Says("Disallow: /\n").SetsNoCookie(); !strings.HasPrefix(robots.Response.Header.Get("Content-Type"), "text/plain") {
		t.Error("robots.txt is no text")
	}
	if icon := visitor.Get("/favicon.ico").Answers(200).SetsNoCookie(); icon.Response.Header.Get("Content-Type") != "image/x-icon" || !strings.HasPrefix(icon.Body, "\x00\x00\x01\x00") {
		t.Error("favicon.ico is no icon")
	}
	site.SignIn("ada").Get("/activity?kind=nonsense").Answers(404).Says("no type of activity called “<bdi>nonsense</bdi>”")
}

// TestANewPasswordIsJudgedWhileItIsTyped, for those who may set one, and for nobody else.
func TestANewPasswordIsJudgedWhileItIsTyped(t *testing.T) {
	t.Parallel()
	empty := sitetest.StartEmpty(t)
	const good = "another walk in the wet grass"
	empty.Visitor().Post("/password/check", "password", good).Answers(404)
	empty.Visitor().Post("/password/check", "password", "gracehoppergracehopper", "token", "the link of the terminal", "username", "gracehopper").Answers(200).Says("your name")
	empty.Visitor().Post("/password/check", "password", good, "token", "the link of the terminal").Answers(200).Says(`"complaint":""`)

	site := sitetest.Start(t)
	site.StopClock()
	ada := site.SignIn("ada")
	before := site.Rows()
	ada.Post("/password/check", "password", "short").Answers(200).Says("at least 15")
	ada.Post("/password/check", "password", "passwordpassword").Answers(200).Says("easy to guess")
	ada.Post("/password/check", "password", good).Answers(200).Says(`"complaint":""`)
	if site.Rows() != before {
		t.Error("it is stored")
	}
	for _, token := range []string{"", "x", "the link of the terminal"} {
		site.Visitor().Post("/password/check", "password", good, "token", token).Answers(404).SetsNoCookie()
	}
	token := ada.NewLink("eve")
	site.Advance(time.Second)
	guest := site.Visitor()
	flood(guest, "token", token).Answers(429)
	ada.Post("/password/check", "password", good).Answers(200) // the bound is each user's own
	flood(ada).Answers(429)
	site.SignIn("ada").Post("/password/check", "password", good).Answers(429) // in all of her sessions
	site.Advance(time.Second)
	guest.Post("/password/check", "password", good, "token", token).Answers(200)
	guest.Header.Set("Sec-Fetch-Site", "cross-site")
	guest.Post("/password/check", "password", good, "token", token).Answers(403)
}
