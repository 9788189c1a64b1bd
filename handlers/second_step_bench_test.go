package handlers

import (
	"context"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"daypass/models"
)

// BenchmarkRefusalsAtTheSecondStep tells whether the time of a refusal tells how near an
// answer was: a wrong code from one that was used already and from another user's, a
// wrong recovery code from a used one and from another user's, and, when codes count no
// more, a wrong one from the right one. The area is that of BenchmarkRefusals.
func BenchmarkRefusalsAtTheSecondStep(b *testing.B) {
	app := newApp(b)
	app.Log, app.db.Log = slog.New(slog.DiscardHandler), slog.New(slog.DiscardHandler)
	change := func(statement string, args ...any) {
		b.Helper()
		if _, err := app.db.Exec(b.Context(), statement, args...); err != nil {
			b.Fatal(err)
		}
	}
	seeds, codes, cookies := make(map[string]string), make(map[string][]string), make(map[string]string)
	for _, name := range []string{"ada", "eve", "bob"} {
		user, err := app.db.AddUser(b.Context(), models.NewUser{Name: name, Password: benchWord, Role: models.Admin}, models.CommandLine)
		if err != nil {
			b.Fatal(err)
		}
		seeds[name], codes[name] = protect(b, app, user)
		cookies[name] = signInCookie(b, app, name, benchWord, "daypass-pending")
	}
	ctx, cancel := context.WithCancel(context.Background())
	site := listen(b, func(l net.Listener) error { return app.Serve(ctx, l) }, cancel)
	host := newClient(site, "").HostClient
	change(`UPDATE authenticators SET step = 1000000000000 WHERE user_id = (SELECT id FROM users WHERE name = 'ada')`) // all of hers were used
	change(`DELETE FROM recovery_codes WHERE user_id = (SELECT id FROM users WHERE name = 'ada')`)
	anotherTry := func() {
		change(`UPDATE pending_sign_ins SET tries = 0, expires = 1000000000000`)
		change(`DELETE FROM code_failures`)
		change(`INSERT INTO code_failures (user_id, device, count, last) SELECT id, '', $1, 1 FROM users WHERE name = 'bob'`, models.MaxWrongCodes)
	}
	now := func(name string) func() string {
		return func() string { return models.Code(seeds[name], app.db.Now()) }
	}
	always := func(code string) func() string { return func() string { return code } }

	tries := []struct {
		what, name, field string
		code              func() string
		status            int
	}{
		{"code-wrong", "ada", "code", always("000000"), fiber.StatusUnprocessableEntity},
		{"code-used", "ada", "code", now("ada"), fiber.StatusUnprocessableEntity},
		{"code-others", "ada", "code", now("eve"), fiber.StatusUnprocessableEntity},
		{"recovery-wrong", "ada", "recovery_code", always("AAAA-AAAA-AAAA-AAAA-AAAA-AAAA"), fiber.StatusUnprocessableEntity},
		{"recovery-used", "ada", "recovery_code", always(codes["ada"][0]), fiber.StatusUnprocessableEntity},
		{"recovery-others", "ada", "recovery_code", always(codes["eve"][0]), fiber.StatusUnprocessableEntity},
		{"stopped-wrong", "bob", "code", always("000000"), fiber.StatusTooManyRequests},
		{"stopped-right", "bob", "code", now("bob"), fiber.StatusTooManyRequests},
	}
	times := make(map[string][]float64)
	for b.Loop() {
		for _, i := range mathrand.Perm(len(tries)) {
			it := tries[i]
			anotherTry()
			response := fasthttp.AcquireResponse()
			request := posted(site+"/login/second-factor", url.Values{it.field: {it.code()}}.Encode(), cookies[it.name])
			began := time.Now()
			if err := host.Do(request, response); err != nil || response.StatusCode() != it.status {
				b.Fatalf("%s is answered %d, %v", it.what, response.StatusCode(), err)
			}
			times[it.what] = append(times[it.what], time.Since(began).Seconds()*1000)
		}
	}
	for _, it := range tries {
		slices.Sort(times[it.what])
		b.ReportMetric(times[it.what][len(times[it.what])/2], it.what+"-ms")
	}
	for _, pair := range [][2]string{{"code-wrong", "code-used"}, {"code-wrong", "code-others"}, {"recovery-wrong", "recovery-used"}, {"recovery-wrong", "recovery-others"}, {"stopped-wrong", "stopped-right"}} {
		b.ReportMetric(larger(times[pair[0]], times[pair[1]]), "area-"+pair[1])
	}
	b.ReportMetric(0, "ns/op")
}
