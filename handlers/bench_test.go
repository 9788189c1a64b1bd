package handlers

import (
	"context"
	"crypto/rand"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
	"golang.org/x/crypto/argon2"

	"daypass/handlers/web"
	"daypass/models"
)

// The benchmarks run over loopback HTTP, and what is compared with runs in turn
// with it: the machine is equally fast or slow for both. The ratio is the figure.

const (
	connections = 32
	benchName   = "ada"
	benchWord   = "a walk in the wet grass"
)

// listen serves on a free port until the benchmark ends and returns the address.
func listen(b *testing.B, serve func(net.Listener) error, stop func()) string {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- serve(listener) }()
	b.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
	return "http://" + listener.Addr().String()
}

// served is a site that is served, with a user.
type served struct {
	app *App
	url string
}

func benchSite(b *testing.B) served {
	b.Helper()
	return serveOn(b, newApp(b))
}

func serveOn(b *testing.B, app *App) served {
	b.Helper()
	app.Log, app.db.Log = slog.New(slog.DiscardHandler), slog.New(slog.DiscardHandler)
	if _, err := app.db.AddUser(b.Context(), models.NewUser{Name: benchName, Password: benchWord, Role: models.Admin}, models.CommandLine); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	return served{app, listen(b, func(l net.Listener) error { return app.Serve(ctx, l) }, cancel)}
}

// bare serves the very bytes of an answer with a Fiber handler that does nothing else.
func bare(b *testing.B, answer *fasthttp.Response) (address string) {
	b.Helper()
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	var headers []web.Header
	for name, value := range answer.Header.All() {
		if key := string(name); key != fiber.HeaderContentLength && key != fiber.HeaderDate {
			headers = append(headers, web.Header{Name: key, Value: string(value)})
		}
	}
	body := append([]byte(nil), answer.Body()...)
	app.Get("/", func(c *fiber.Ctx) error {
		for _, header := range headers {
			c.Set(header.Name, header.Value)
		}
		return c.Send(body)
	})
	return listen(b, app.Listener, func() { app.Shutdown() })
}

// client asks again and again for one page.
type client struct {
	*fasthttp.HostClient
	address, cookie string
}

func newClient(address, cookie string) *client {
	host, _ := url.Parse(address)
	return &client{&fasthttp.HostClient{Addr: host.Host, MaxConns: connections, MaxIdleConnDuration: time.Hour}, address, cookie}
}

// timing is how long requests took, all together and each.
type timing struct {
	whole time.Duration
	each  []time.Duration
}

func (t *timing) add(other timing) {
	t.whole += other.whole
	t.each = append(t.each, other.each...)
}

func (t *timing) perSecond() float64 { return float64(len(t.each)) / t.whole.Seconds() }

// p99 is the time that 99 of 100 requests took at most, in milliseconds.
func (t *timing) p99() float64 {
	slices.Sort(t.each)
	return t.each[len(t.each)*99/100].Seconds() * 1000
}

// load lets workers send for as long as more says so. Each has a request of its
// own, which has to be answered with status.
func load(b *testing.B, client *fasthttp.HostClient, workers, status int, more func() bool, request func(worker int) *fasthttp.Request) timing {
	var all timing
	var mutex sync.Mutex
	var group sync.WaitGroup
	began := time.Now()
	for worker := range workers {
		group.Go(func() {
			request, response := request(worker), fasthttp.AcquireResponse()
			var mine []time.Duration
			for more() {
				sent := time.Now()
				if err := client.Do(request, response); err != nil || response.StatusCode() != status {
					b.Errorf("%s: %d, %v", request.URI(), response.StatusCode(), err)
					break
				}
				mine = append(mine, time.Since(sent))
			}
			mutex.Lock()
			all.each = append(all.each, mine...)
			mutex.Unlock()
		})
	}
	group.Wait()
	all.whole = time.Since(began)
	return all
}

// ask asks for the page over all connections for as long as more says so.
func (c *client) ask(b *testing.B, status int, more func() bool) timing {
	return load(b, c.HostClient, connections, status, more, func(int) *fasthttp.Request {
		request := fasthttp.AcquireRequest()
		request.SetRequestURI(c.address)
		request.Header.Set("Cookie", c.cookie)
		return request
	})
}

// times lets something be done so many times.
func times(count int) func() bool {
	var done atomic.Int64
	return func() bool { return done.Add(1) <= int64(count) }
}

// posted is a request that sends a form.
func posted(address, form, cookie string) *fasthttp.Request {
	request := fasthttp.AcquireRequest()
	request.SetRequestURI(address)
	request.Header.SetMethod(fiber.MethodPost)
	request.Header.SetContentType("application/x-www-form-urlencoded")
	request.Header.Set("Cookie", cookie)
	request.SetBodyString(form)
	return request
}

// postForm sends a form, and fails when that does not lead on.
func postForm(b *testing.B, client *fasthttp.HostClient, address, form, cookie string, response *fasthttp.Response) {
	request := posted(address, form, cookie)
	defer fasthttp.ReleaseRequest(request)
	if err := client.Do(request, response); err != nil || response.StatusCode() != fiber.StatusSeeOther {
		b.Errorf("%s answered %d, %v", address, response.StatusCode(), err)
	}
}

// signedInCookie signs in and out until there are 20 rows of activity, and then in.
func signedInCookie(b *testing.B, site string) (cookie string) {
	var response fasthttp.Response
	host := newClient(site, "").HostClient
	for range 11 {
		if cookie != "" {
			postForm(b, host, site+"/logout", "", cookie, &response)
		}
		postForm(b, host, site+"/login", benchForm, "", &response)
		cookie, _, _ = strings.Cut(string(response.Header.Peek(fiber.HeaderSetCookie)), ";")
	}
	return cookie
}

var benchForm = url.Values{"username": {benchName}, "password": {benchWord}}.Encode()

// batch is how many requests are sent before it is the other's turn.
const batch = 2000

// comparePage measures a page against the bare handler, a batch of each in turn.
func comparePage(b *testing.B, path string, signedIn bool) {
	site := benchSite(b)
	var response fasthttp.Response
	cookie := ""
	if signedIn {
		cookie = signedInCookie(b, site.url)
	}
	ours := newClient(site.url+path, cookie)
	request := fasthttp.AcquireRequest()
	request.SetRequestURI(ours.address)
	request.Header.Set("Cookie", cookie)
	if err := ours.Do(request, &response); err != nil || response.StatusCode() != fiber.StatusOK {
		b.Fatalf("%s answered %d, %v", path, response.StatusCode(), err)
	}
	theirs := newClient(bare(b, &response)+"/", "")

	var we, they timing
	for b.Loop() {
		b.StopTimer()
		they.add(theirs.ask(b, fiber.StatusOK, times(batch)))
		b.StartTimer()
		we.add(ours.ask(b, fiber.StatusOK, times(batch)))
	}
	b.ReportMetric(we.perSecond(), "req/s")
	b.ReportMetric(they.perSecond(), "bare-req/s")
	b.ReportMetric(we.perSecond()/they.perSecond(), "ratio")
	b.ReportMetric(we.p99(), "p99-ms")
	b.ReportMetric(they.p99(), "bare-p99-ms")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkDashboard is the signed-in dashboard with 20 rows of activity, against
// a bare Fiber handler that sends the same bytes.
func BenchmarkDashboard(b *testing.B) { comparePage(b, "/dashboard", true) }

// BenchmarkDashboardWhileAnotherServerWrites is the dashboard while another server on the
// same database changes another user a hundred times a second, against itself without that.
func BenchmarkDashboardWhileAnotherServerWrites(b *testing.B) {
	site := benchSite(b)
	ours := newClient(site.url+"/dashboard", signedInCookie(b, site.url))
	other, err := models.Open(b.Context(), site.app.db.Address())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { other.Close() })
	bob, err := other.AddUser(b.Context(), models.NewUser{Name: "bob", Password: benchWord, Role: models.Member}, models.CommandLine)
	if err != nil {
		b.Fatal(err)
	}
	var calm, busy timing
	writes := 0
	for b.Loop() {
		b.StopTimer()
		calm.add(ours.ask(b, fiber.StatusOK, times(batch)))
		b.StartTimer()
		ctx, cancel := context.WithCancel(b.Context())
		var writing sync.WaitGroup
		writing.Go(func() {
			every := time.NewTicker(10 * time.Millisecond)
			defer every.Stop()
			for ; ctx.Err() == nil; writes++ {
				if err := other.SetFullName(b.Context(), bob, "Bob "+strconv.Itoa(writes), models.CommandLine); err != nil {
					b.Error(err)
					return
				}
				<-every.C
			}
		})
		busy.add(ours.ask(b, fiber.StatusOK, times(5*batch)))
		cancel()
		writing.Wait()
	}
	b.ReportMetric(busy.perSecond(), "req/s")
	b.ReportMetric(busy.perSecond()/calm.perSecond(), "ratio")
	b.ReportMetric(float64(writes)/busy.whole.Seconds(), "writes/s")
	b.ReportMetric(busy.p99(), "p99-ms")
	b.ReportMetric(calm.p99(), "calm-p99-ms")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkSessionsPage is a page that is made anew for each request: with a query it is not kept.
func BenchmarkSessionsPage(b *testing.B) { comparePage(b, "/sessions?anew", true) }

// BenchmarkLoginPage is the sign-in page for a stranger, against the same.
func BenchmarkLoginPage(b *testing.B) { comparePage(b, "/login", false) }

// BenchmarkLogins is the sign-in itself, from all cores at once, against bare
// argon2id with the same costs on all cores.
func BenchmarkLogins(b *testing.B) {
	site := benchSite(b).url
	host := newClient(site, "").HostClient
	cores := runtime.GOMAXPROCS(0)
	each := 4 * cores
	salt := make([]byte, 16)
	rand.Read(salt)

	everywhere := func(workers int, work func()) time.Duration {
		var left atomic.Int64
		left.Store(int64(each))
		var group sync.WaitGroup
		began := time.Now()
		for range workers {
			group.Go(func() {
				for left.Add(-1) >= 0 {
					work()
				}
			})
		}
		group.Wait()
		return time.Since(began)
	}
	var we, they time.Duration
	for b.Loop() {
		b.StopTimer()
		they += everywhere(cores, func() { argon2.IDKey([]byte(benchWord), salt, 2, 19456, 1, 32) })
		b.StartTimer()
		we += everywhere(2*cores, func() {
			var response fasthttp.Response
			postForm(b, host, site+"/login", benchForm, "", &response)
		})
	}
	b.ReportMetric(float64(each*b.N)/we.Seconds(), "logins/s")
	b.ReportMetric(float64(each*b.N)/they.Seconds(), "bare-hashes/s")
	b.ReportMetric(they.Seconds()/we.Seconds(), "ratio")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkRefusals tells whether the time of a refusal tells who exists:
// unknown users, wrong passwords and disabled users in turn. The area is the chance that a try at an unknown user
// takes longer than one at a known user: 0.5 tells nothing.
func BenchmarkRefusals(b *testing.B) {
	app := newApp(b)
	app.db.Throttle = models.Throttle{Account: 1 << 30, Address: 1 << 30, Delay: time.Second, Longest: time.Second}
	for _, name := range []string{"ada", "bob"} {
		user, err := app.db.AddUser(b.Context(), models.NewUser{Name: name, Password: benchWord, Role: models.Admin}, models.CommandLine)
		if err != nil {
			b.Fatal(err)
		}
		if name == "bob" {
			if err := app.db.SetDisabled(b.Context(), user, true, models.CommandLine); err != nil {
				b.Fatal(err)
			}
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	site := listen(b, func(l net.Listener) error { return app.Serve(ctx, l) }, cancel)
	host := newClient(site, "").HostClient

	tries := []struct{ name, password string }{{"eve", "not the password"}, {"ada", "not the password"}, {"bob", benchWord}}
	times := make([][]float64, len(tries))
	for b.Loop() {
		for _, i := range mathrand.Perm(len(tries)) {
			response := fasthttp.AcquireResponse()
			request := posted(site+"/login", url.Values{"username": {tries[i].name}, "password": {tries[i].password}}.Encode(), "")
			began := time.Now()
			if err := host.Do(request, response); err != nil || response.StatusCode() != fiber.StatusUnprocessableEntity {
				b.Fatalf("answered %d, %v", response.StatusCode(), err)
			}
			times[i] = append(times[i], time.Since(began).Seconds()*1000)
		}
	}
	for i, name := range []string{"unknown", "wrong", "disabled"} {
		slices.Sort(times[i])
		b.ReportMetric(times[i][len(times[i])/2], name+"-ms")
	}
	for i, name := range []string{"wrong", "disabled"} {
		area := larger(times[0], times[i+1])
		b.ReportMetric(area, "area-"+name)
		if b.N >= 200 && (area < 0.35 || area > 0.65) {
			b.Errorf("an unknown user is told from a %s one: area %.2f", name, area)
		}
	}
	b.ReportMetric(0, "ns/op")
}

// larger is the chance that a value of one sample is larger than one of another.
func larger(one, other []float64) float64 {
	count := 0.0
	for _, a := range one {
		for _, b := range other {
			if a > b {
				count++
			} else if a == b {
				count += 0.5
			}
		}
	}
	return count / float64(len(one)*len(other))
}

// listenOnce returns an address that is free.
func listenOnce(b *testing.B) string {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
