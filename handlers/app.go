package handlers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"daypass/handlers/cache"
	"daypass/handlers/identity"
	"daypass/handlers/render"
	"daypass/handlers/session"
	"daypass/handlers/web"
	"daypass/models"
)

// Config is the configuration of the site. It does not change after the start.
type Config struct {
	// URL is where people reach the site. Under https the cookie is Secure and
	// its name begins with __Host- (RFC 6265bis, section 4.1.3.2).
	URL *url.URL
	// Secrets sign session cookies: the first signs, all verify. At least one.
	Secrets []string
	// ReadSecrets reloads them while the site runs; nil if they never change.
	ReadSecrets func(context.Context) ([]string, error)
	// Lifetime is how long a session lasts, regardless of activity.
	Lifetime time.Duration
	// SecondFactor says who has to have a second factor.
	SecondFactor models.SecondFactorRule
	// PasskeyDomain is what passkeys are made for: empty for the host of URL.
	PasskeyDomain string
	// TrustedProxies are the peers whose X-Forwarded-For counts.
	TrustedProxies web.Proxies
	// Title is what the site calls itself, and Icon is in its tab: empty for those of
	// this project.
	Title string
	Icon  *render.Icon
	// Forgotten says on the sign-in page what somebody can do who has forgotten the
	// password: empty to ask an administrator.
	Forgotten string
	// Drain is how long the site says that it is about to stop, before it does.
	Drain time.Duration
	// Node is the name of this server, if there may be several on one database.
	Node string
	// Version is that of the program.
	Version string
	// SetupToken opens /setup while there is no user. AddAdmin is a command for a shell
	// that adds the first one without it.
	SetupToken string
	AddAdmin   string
	// Dev is the root of a checkout whose templates and assets are read for each
	// request. When it is empty, those built into the binary are used.
	Dev string
	// DevProblem is a file with what could not be built of the checkout, to be shown
	// under Dev instead of any page. It may be missing, empty, or unset.
	DevProblem string
	// Log gets one line per event.
	Log *slog.Logger
}

// App holds what handlers need. There is one per process, and one per test.
type App struct {
	*fiber.App
	Config
	db             *models.DB
	sessions       *session.Manager
	passkeys       *identity.Passkeys // nil: browsers offer none at this URL
	pages          *cache.Pages
	downloads      downloads
	passwordChecks passwordChecks
	table          []route
	renderer       *render.Renderer
	crossOrigin    *http.CrossOriginProtection
	headers        []web.Header
	warned         sync.Once     // of a proxy that is not trusted
	listener       *web.Listener // nil until the site is served
	started        time.Time
	draining       chan struct{} // closed when load balancers are to send requests elsewhere
	stopping       chan struct{} // closed when the server stops
}

// New builds the site. It fails when a template or an asset can't be read, or the seed of
// an authenticator app with none of the secrets.
func New(db *models.DB, config Config) (*App, error) {
	if len(config.Secrets) == 0 {
		return nil, errors.New("no secret to sign session cookies with")
	}
	config.Title = cmp.Or(config.Title, "Daypass")
	db.SecondFactor = config.SecondFactor
	a := &App{
		Config:      config,
		db:          db,
		crossOrigin: http.NewCrossOriginProtection(),
		headers:     web.SecurityHeaders(config.URL),
		pages:       cache.NewPages(),
		started:     time.Now(),
		draining:    make(chan struct{}),
		stopping:    make(chan struct{}),
	}
	if err := a.crossOrigin.AddTrustedOrigin(config.URL.Scheme + "://" + config.URL.Host); err != nil {
		return nil, fmt.Errorf("public URL: %w", err)
	}
	var err error
	if a.renderer, err = render.New(config.Dev, config.DevProblem, render.Brand{Title: a.Title, Icon: a.Icon}); err != nil {
		return nil, err
	}
	if err := setSeedKeys(db, config.Secrets); err != nil {
		return nil, err
	}
	if err := db.EncryptSeeds(context.Background()); err != nil {
		return nil, err
	}
	a.sessions = session.New(db, session.Config{
		Secrets: config.Secrets, ReadSecrets: config.ReadSecrets, SecretsChanged: a.followSecrets, Secure: a.secure(), Lifetime: config.Lifetime, Client: config.TrustedProxies.Client, Log: config.Log,
	})
	if a.passkeys, err = identity.NewPasskeys(db, config.URL, config.PasskeyDomain, a.Title, config.Secrets); err != nil {
		return nil, err
	}
	routes := a.routes()
	a.table = bySpecificity(routes)
	a.renderer.Navigation = navigation(routes)
	a.App = fiber.New(fiber.Config{
		AppName:       "Daypass",
		ErrorHandler:  a.fail,
		Immutable:     true, // strings of a request stay valid after it
		CaseSensitive: true,
		// Fiber must not believe proxy headers by itself: Proxies.ClientIP decides which ones count.
		EnableTrustedProxyCheck:      true,
		BodyLimit:                    web.MaxBody,
		DisablePreParseMultipartForm: true, // requireForm refuses it
		ReadBufferSize:               web.MaxHeader,
		ReadTimeout:                  web.ReadTimeout,
		WriteTimeout:                 web.WriteTimeout,
		IdleTimeout:                  web.IdleTimeout,
		DisableStartupMessage:        true,
	})
	if err := a.register(); err != nil {
		return nil, fmt.Errorf("the table of routes is wrong:\n%w", err)
	}
	server := a.Server()
	server.Handler = a.outermost(server.Handler)
	server.CloseOnShutdown = true // a proxy that keeps connections sends nothing more on them
	server.ConnState = func(c net.Conn, state fasthttp.ConnState) {
		switch {
		case a.listener == nil:
		case state == fasthttp.StateIdle:
			a.listener.SetBusy(c, false)
		case state == fasthttp.StateClosed:
			a.listener.Closed(c)
		}
	}
	server.ErrorHandler = lastResort(server.ErrorHandler)
	return a, nil
}

// secure tells whether people reach the site by https.
func (a *App) secure() bool { return a.URL.Scheme == "https" }

// Serve answers requests on a listener until ctx ends, and while load balancers notice
// that. Requests in progress then have ten seconds to finish.
func (a *App) Serve(ctx context.Context, on net.Listener) error {
	a.listener = web.NewListener(on, a.Log, a.TrustedProxies)
	done := make(chan error, 1)
	go a.sessions.RefreshSecrets(ctx)
	go func() {
		<-ctx.Done()
		close(a.draining)
		time.Sleep(a.Drain)
		close(a.stopping)
		a.listener.Close() // the shutdown closes it only if the server has begun to accept
		done <- a.ShutdownWithTimeout(10 * time.Second)
	}()
	if err := a.Listener(a.listener); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	if err := <-done; err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("shut down: %w", err)
	}
	return nil
}

// setSeedKeys lets the seeds of authenticator apps be encrypted with the first secret.
func setSeedKeys(db *models.DB, secrets []string) error {
	keys, err := session.SeedKeys(secrets)
	if err == nil {
		db.SetSeedKeys(keys)
	}
	return err
}

// followSecrets passes changed secrets on to passkeys and authenticator apps. It returns
// what takes longer, for the caller to run when nobody waits for it.
func (a *App) followSecrets(ctx context.Context, secrets []string) (later func()) {
	if a.passkeys != nil {
		a.passkeys.SetSecrets(secrets)
	}
	err := setSeedKeys(a.db, secrets)
	return func() {
		if err := errors.Join(err, a.db.EncryptSeeds(ctx)); err != nil {
			a.Log.Error("not all authenticator apps could be encrypted with the new secret", "error", err)
		}
	}
}

// render shows a page, with who is signed in and the message that waits for them.
func (a *App) render(c *fiber.Ctx, view string, page render.Framed) error {
	frame := page.Frame()
	if status := c.Response().StatusCode(); status >= fiber.StatusBadRequest && web.PrefersJSON(c) {
		return a.sendProblem(c, problem{Status: status, Detail: detailOf(c, frame), Errors: render.Errors(page)})
	}
	if session := sessionOf(c); session != nil {
		frame.User, frame.Events, frame.Here = &session.User, eventsAddress(session), a.here(c)
		frame.Ends = session.Expires.Format(time.RFC3339)
		if c.Response().StatusCode() == fiber.StatusOK && c.Method() != fiber.MethodHead {
			frame.Flash = a.takeMessage(c, session)
		}
	}
	return a.renderer.Page(c, view, page)
}

// here is the address of the page that a request is answered with. A refused form
// is shown again at an address that can't be asked for.
func (a *App) here(c *fiber.Ctx) string {
	if c.Method() == fiber.MethodPost {
		return a.pageOf(c.Path())
	}
	if query := c.Request().URI().QueryString(); len(query) > 0 {
		return c.Path() + "?" + string(query)
	}
	return c.Path()
}

// outermost wraps all of Fiber: it keeps the process alive when anything panics,
// and answers methods that no route has.
func (a *App) outermost(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		if a.listener != nil {
			a.listener.SetBusy(ctx.Conn(), true)
		}
		defer func() {
			if cause := recover(); cause != nil {
				ctx.Response.Reset()
				a.answer(ctx, panicError{cause, stack()})
			}
		}()
		if !web.WellFormed(&ctx.Request.Header) {
			ctx.SetConnectionClose() // where the next request begins is unclear
			a.answer(ctx, fiber.ErrBadRequest)
			return
		}
		switch string(ctx.Method()) {
		case http.MethodGet, http.MethodHead, http.MethodPost:
			next(ctx)
		default:
			a.answer(ctx, fiber.ErrMethodNotAllowed)
		}
		select {
		case <-a.draining:
			ctx.SetConnectionClose() // or a proxy sends a form on it in the moment in which it is closed
		default:
		}
	}
}

// answer renders an error page outside of Fiber's chain of handlers.
func (a *App) answer(ctx *fasthttp.RequestCtx, err error) {
	lastResort(func(ctx *fasthttp.RequestCtx, err error) {
		c := a.AcquireCtx(ctx)
		defer a.ReleaseCtx(c)
		if err := a.fail(c, err); err != nil {
			panic(err)
		}
	})(ctx, err)
}

// lastResort answers when rendering the error page panics, too.
func lastResort(answer func(*fasthttp.RequestCtx, error)) func(*fasthttp.RequestCtx, error) {
	return func(ctx *fasthttp.RequestCtx, err error) {
		defer func() {
			if recover() != nil {
				ctx.Response.Reset()
				ctx.Error("Something broke. Please try again.", fiber.StatusInternalServerError)
			}
		}()
		answer(ctx, err)
	}
}

// allowed lists the methods of a path, for the header Allow.
func (a *App) allowed(path string) string {
	var methods []string
	for _, method := range []string{fiber.MethodGet, fiber.MethodHead, fiber.MethodPost} {
		if a.routeExists(method, path) {
			methods = append(methods, method)
		}
	}
	return strings.Join(methods, ", ")
}
