package handlers

import (
	"cmp"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"daypass/handlers/web"
)

// waitingForm is a form that was sent and waits until its sender has confirmed who they
// are: for the password, or for another sign-in. Then it is handled as if it had only
// just been sent.
type waitingForm struct {
	ID          string
	Path, Query string // where it was sent to
	Back        string // the page it was sent from
	Body        string // its fields, as they were sent
}

// formOf returns the form of a request.
func (a *App) formOf(c *fiber.Ctx) waitingForm {
	back := cmp.Or(a.pageFrom(c), a.pageOf(c.Path()))
	uri := c.Request().URI()
	return waitingForm{Path: string(uri.PathOriginal()), Query: string(uri.QueryString()), Back: back, Body: string(c.Request().Body())}
}

// pageFrom returns the page of this site that a request came from, or nothing.
func (a *App) pageFrom(c *fiber.Ctx) string {
	path, found := strings.CutPrefix(c.Get(fiber.HeaderReferer), a.URL.String())
	if !found {
		return ""
	}
	return a.nextOf(path)
}

// None of its parts but the last can have a line break.
func (f waitingForm) String() string {
	return strings.Join([]string{f.ID, f.Path, f.Query, f.Back, f.Body}, "\n")
}

func parseWaitingForm(text string) (waitingForm, bool) {
	parts := strings.SplitN(text, "\n", 5)
	if len(parts) != 5 {
		return waitingForm{}, false
	}
	return waitingForm{parts[0], parts[1], parts[2], parts[3], parts[4]}, true
}

// Purpose is what the button said that sent the form, or nothing.
func (f waitingForm) Purpose() string {
	var args fasthttp.Args
	args.Parse(f.Body)
	return web.Showable(string(args.Peek("do")), maxPurpose)
}

// SentField is a field of a form that was sent.
type SentField struct{ Name, Value string }

// Sent returns the fields of a form except its button and its passwords, so that its
// sender can recognize it.
func (f waitingForm) Sent() (fields []SentField) {
	var args fasthttp.Args
	args.Parse(f.Body)
	for name, value := range args.All() {
		if string(name) != "do" && !isSecret(string(name)) && len(value) > 0 && len(fields) < maxSent {
			words := strings.ReplaceAll(web.Showable(string(name), maxPurpose), "_", " ")
			fields = append(fields, SentField{words, web.Showable(string(value), maxPurpose)})
		}
	}
	return fields
}

// isSecret tells whether a field has a password, or a code that works for more than a minute.
func isSecret(name string) bool {
	return strings.Contains(name, "password") || name == "current" || name == "recovery_code" || name == "passkey"
}

// maxSent is how many of its fields are shown again.
const maxSent = 20

// maxPurpose is how many characters of a button or a field are shown again.
const maxPurpose = 200

// resend handles a waiting form as if it had been sent now, with all guards of its route.
func (a *App) resend(c *fiber.Ctx, form waitingForm) error {
	request := c.Request()
	request.SetBodyString(form.Body)
	request.Header.SetContentType(fiber.MIMEApplicationForm)
	args := request.PostArgs() // of the form that led here
	args.Reset()
	args.Parse(form.Body)
	request.URI().SetQueryString(form.Query)
	c.Path(form.Path)
	return c.RestartRouting()
}
