package handlers

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/gofiber/fiber/v2"

	"daypass/handlers/render"
	"daypass/handlers/web"
	"daypass/models"
	"daypass/models/database"
	"daypass/models/password"
)

// ErrorPage says what happened and what to do next.
type ErrorPage struct {
	render.Page
	Status    int
	Sentence  string
	Reference string // of the line in the log, when there is one
}

// panicError is a panic on its way to the error page.
type panicError struct {
	cause any
	stack string
}

func (e panicError) Error() string { return fmt.Sprintf("panic: %v", e.cause) }

func stack() string { return string(debug.Stack()) }

func isNotFound(err error) bool { return database.IsNotFound(err) }

// fail turns every error into a response: what happened goes to the log, and what
// to do next to the person. It is also called for requests that were refused
// before any middleware ran, so it must not rely on middleware.
func (a *App) fail(c *fiber.Ctx, err error) error {
	status := web.StatusOf(err)
	asJSON := web.PrefersJSON(c)
	page := &ErrorPage{Page: render.Page{Title: titles[status]}, Status: status, Sentence: sentences[status]}
	if page.Sentence == "" {
		page.Title, page.Sentence = http.StatusText(status), "The server can't answer this request."
	}
	var throttled *models.ThrottledError
	if errors.As(err, &throttled) {
		page.Sentence = throttledSentence(throttled)
	}
	if errors.Is(err, errUnconfirmed) {
		page.Sentence = "You have to confirm who you are first. Open the page here and use its form."
	}
	if errors.Is(err, models.ErrUnknownSecret) {
		page.Sentence = "Your code can't be checked at the moment. Try again in a few seconds, or use a recovery code or a passkey."
	}
	if errors.Is(err, errDownloads) {
		page.Title, page.Sentence = "Too many downloads", "Other downloads are still under way. Wait until they are done, then try again."
	}
	if errors.Is(err, web.ErrCrossOrigin) {
		page.Title = "Request refused"
		page.Sentence = "This came from another site, so nothing was changed. Open the page here and try again."
	}
	gone := errors.Is(err, database.ErrReplaced)
	if gone {
		page.Sentence = "The database was removed or replaced while the server was running. Whoever runs this site has to restart it."
	}
	if status >= 500 {
		a.sessions.TakeCookieBack(c) // nothing was stored, so the browser must not get a cookie
		if status == fiber.StatusInternalServerError {
			page.Reference = web.RequestID(c)
		}
		if !gone { // the log has said it once
			a.logFailure(c, err)
		}
	}
	setRetryAfter(c, err, status)
	web.SetHeaders(c, a.headers)
	if status == fiber.StatusMethodNotAllowed {
		// Somebody opens the address that a form was sent to.
		if page := a.pageOf(c.Path()); !asJSON && page != "" && page != c.Path() && (c.Method() == fiber.MethodGet || c.Method() == fiber.MethodHead) {
			return c.Redirect(page, fiber.StatusSeeOther)
		}
		c.Set(fiber.HeaderAllow, a.allowed(c.Path()))
	}
	if status == fiber.StatusUnauthorized {
		c.Set(fiber.HeaderWWWAuthenticate, a.signInChallenge())
	}
	if asJSON {
		refused := models.ValidationError{}
		errors.As(err, &refused)
		return a.sendProblem(c, problem{Status: status, Detail: page.Sentence, Errors: refused, Reference: page.Reference})
	}
	c.Status(status)
	if wrong := a.renderer.ErrorIn(err); wrong != nil {
		return a.renderer.ShowError(c, wrong)
	}
	if err := a.render(c, "error", page); err != nil {
		a.logFailure(c, err)
		if wrong := a.renderer.ErrorIn(err); wrong != nil { // of the page of errors itself
			return a.renderer.ShowError(c, wrong)
		}
		return c.SendString(page.Title + "\n\n" + page.Sentence + "\n")
	}
	return nil
}

// signInChallenge says how to sign in: with the form, which sets a cookie. A 401
// names a way (RFC 9110, section 15.5.2).
func (a *App) signInChallenge() string {
	return `Cookie realm="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(a.Title) + `", form-action="/login"`
}

func throttledSentence(err *models.ThrottledError) string {
	return tooManyWrong(err) + " " + waitSentence(web.HumanDuration(err.After))
}

func tooManyWrong(err *models.ThrottledError) string {
	return "Too many wrong " + cmp.Or(err.Wrong, "passwords") + "."
}

func waitSentence(span string) string { return "You can try again in " + span + "." }

type waitKey struct{}

// mustWait returns why a password or a code could not be checked yet, when it is worth trying
// again later. It sets the status, and how long to wait: see waitOf.
func mustWait(c *fiber.Ctx, err error) (why string, ok bool) {
	var throttled *models.ThrottledError
	var busy *password.BusyError
	switch {
	case errors.As(err, &throttled):
		why = tooManyWrong(throttled)
	case errors.As(err, &busy):
		why = "The server is busy."
	default:
		return "", false
	}
	status := web.StatusOf(err)
	c.Status(status)
	setRetryAfter(c, err, status)
	after := web.RetryAfter(err, status)
	c.Locals(waitKey{}, render.Wait{Seconds: int(math.Ceil(after.Seconds())), Words: web.HumanDuration(after)})
	return why, true
}

// waitOf returns how long mustWait asks to wait, or zero.
func waitOf(c *fiber.Ctx) render.Wait {
	wait, _ := c.Locals(waitKey{}).(render.Wait)
	return wait
}

func setRetryAfter(c *fiber.Ctx, err error, status int) {
	if after := web.RetryAfter(err, status); after > 0 {
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(int(math.Ceil(after.Seconds()))))
	}
}

// logFailure writes the log line that the reference on the error page points to. It
// logs the route's pattern instead of the path, which may contain secrets.
func (a *App) logFailure(c *fiber.Ctx, err error) {
	attributes := []any{"method", c.Method(), "route", a.routeOf(c), "error", err, "request", web.RequestID(c)}
	var panicked panicError
	if errors.As(err, &panicked) {
		attributes = append(attributes, "stack", panicked.stack)
	}
	a.Log.Error("request failed", attributes...)
}

var titles = map[int]string{
	400: "Bad request",
	401: "Sign in first",
	403: "No access",
	404: "Page not found",
	405: "Not possible here",
	408: "That took too long",
	409: "Still in use",
	413: "Too large",
	415: "Not a form",
	422: "Some fields were refused",
	429: "Too many attempts",
	431: "Too many cookies",
	500: "Something broke",
	503: "Temporarily unavailable",
}

var sentences = map[int]string{
	400: "The server couldn't read what the browser sent. Go back and try again.",
	401: "This needs somebody who is signed in.",
	403: "Your account doesn't have access to this page. An administrator can change that.",
	404: "There is no page at this address, or you don't have access to it.",
	405: "This address is not a page of its own. Go back, or start from the dashboard.",
	408: "The request did not arrive in time. Check the connection and try again.",
	409: "Other entries refer to this one, so it was not removed. Remove them first, or let them refer to another one.",
	413: "What you sent is larger than " + humanize.IBytes(models.MaxForm) + ", so none of it was stored. Send less and try again.",
	415: "Only forms are accepted here (application/x-www-form-urlencoded), so nothing was changed. Open the page here and use its form.",
	422: "Correct the fields that are named and send the form again.",
	429: "Please wait a little before you try again.",
	431: "Your browser sent more than this site accepts. Remove this site's cookies and try again.",
	500: "It's not your fault, and the error has been logged. Please try again.",
	503: "The server is busy or can't reach its data. Nothing was lost; try again in a few seconds.",
}
