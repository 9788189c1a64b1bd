package handlers

import (
	"crypto/rand"
	"errors"
	"net/url"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"daypass/handlers/render"
	"daypass/handlers/web"
	"daypass/models"
)

// Values of a session.
const (
	confirmedValue = "confirmed"    // when the password was last entered, in Unix seconds
	waitingValue   = "waiting form" // the form that waits for the password
)

// errUnconfirmed is what a client that takes JSON gets instead of the page.
var errUnconfirmed = fiber.NewError(fiber.StatusForbidden, "the password was not entered recently")

// ConfirmPage asks for the password before a change. For a form that continues after a
// sign-in, it shows what was sent instead, and has no fields.
type ConfirmPage struct {
	render.Page
	Form   waitingForm
	Fields []render.Field
}

// Window says how long ago the password may have been entered.
func (*ConfirmPage) Window() string { return web.HumanDuration(models.ConfirmedFor) }

// requireRecent lets a change pass when the password was entered recently. Otherwise
// the form waits in the session, and a page of its own asks for the password, so that
// going back and reloading send nothing again.
func (a *App) requireRecent(c *fiber.Ctx) error {
	if c.Method() != fiber.MethodPost {
		return c.Next()
	}
	recent, err := a.recent(c)
	if err != nil {
		return err
	}
	if recent {
		return c.Next()
	}
	if web.PrefersJSON(c) {
		return errUnconfirmed
	}
	return a.letWait(c, a.formOf(c))
}

// letWait stores a form in the session, and leads to the page that asks whether to
// continue with it.
func (a *App) letWait(c *fiber.Ctx, form waitingForm) error {
	form.ID = rand.Text()
	if err := a.sessions.SetSecret(c, sessionOf(c), waitingValue, form.String(), models.ConfirmedFor); err != nil {
		return err
	}
	return c.Redirect("/confirm?"+url.Values{"form": {form.ID}, "next": {form.Back}}.Encode(), fiber.StatusSeeOther)
}

// recent tells whether the password was entered recently in the session of a request.
func (a *App) recent(c *fiber.Ctx) (bool, error) {
	session := sessionOf(c)
	if a.db.Now().Sub(session.Created.Time) < models.ConfirmedFor {
		return true, nil
	}
	confirmed, err := a.db.Value(c.UserContext(), session, confirmedValue)
	if err != nil && !isNotFound(err) {
		return false, err
	}
	at, err := strconv.ParseInt(confirmed, 10, 64)
	return err == nil && a.db.Now().Sub(time.Unix(at, 0)) < models.ConfirmedFor, nil
}

// waitingFor returns the form with this ID that waits in the session, or ErrNotFound.
func (a *App) waitingFor(c *fiber.Ctx, id string) (waitingForm, error) {
	text, err := a.sessions.Secret(c, sessionOf(c), waitingValue)
	if err != nil {
		return waitingForm{}, err
	}
	form, ok := parseWaitingForm(text)
	if !ok || form.ID != id {
		return waitingForm{}, models.ErrNotFound // another one took its place
	}
	return form, nil
}

// showConfirm asks for the password. When the form waits no longer, such as for those
// who go back afterwards, it leads to the page that the form was on.
func (a *App) showConfirm(c *fiber.Ctx) error {
	form, err := a.waitingFor(c, web.Query(c, "form"))
	if isNotFound(err) {
		return c.Redirect(orDashboard(a.nextOf(c.Query("next"))), fiber.StatusSeeOther)
	}
	if err != nil {
		return err
	}
	recent, err := a.recent(c)
	if err != nil {
		return err
	}
	if recent {
		return a.render(c, "confirm", &ConfirmPage{Page: render.Page{Title: "Continue?"}, Form: form})
	}
	return a.renderConfirm(c, form, nil)
}

func (a *App) confirm(c *fiber.Ctx) error {
	ctx, session := c.UserContext(), sessionOf(c)
	waitsNoLonger := func() error {
		return a.redirectWithMessage(c, "This form no longer waits for your password: it was handled already, or too much time has passed. Check before you send it again.", orDashboard(a.nextOf(web.Form(c, "next"))))
	}
	form, err := a.waitingFor(c, web.Form(c, "form"))
	if isNotFound(err) {
		return waitsNoLonger()
	}
	if err != nil {
		return err
	}
	recent, err := a.recent(c)
	if err != nil {
		return err
	}
	if !recent {
		err = a.db.Confirm(ctx, session, web.Form(c, "current"), a.sessionClient(c))
		if invalid, ok := passwordRefused(c, err); ok {
			return a.renderConfirm(c, form, invalid)
		}
		if err != nil {
			return err
		}
		if err := a.db.SetValue(ctx, session, confirmedValue, strconv.FormatInt(a.db.Now().Unix(), 10)); err != nil {
			return err
		}
	}
	_, err = a.db.TakeValue(ctx, session, waitingValue)
	if isNotFound(err) { // sent twice at once: the other one is handled
		return waitsNoLonger()
	}
	if err != nil {
		return err
	}
	return a.resend(c, form)
}

func (a *App) renderConfirm(c *fiber.Ctx, form waitingForm, invalid models.ValidationError) error {
	return a.render(c, "confirm", &ConfirmPage{Page: render.Page{Title: "Confirm it's you"}, Form: form, Fields: render.FocusFirst([]render.Field{
		{Label: "Current password", Name: "current", Type: "password", Autocomplete: "current-password", Error: invalid["current"], Wait: waitOf(c)},
	})})
}

// passwordRefused returns what to say beside the field "current" of a form whose
// password was refused, or could not be checked yet, and sets the status.
func passwordRefused(c *fiber.Ctx, err error) (models.ValidationError, bool) {
	var invalid models.ValidationError
	if errors.As(err, &invalid) {
		c.Status(fiber.StatusUnprocessableEntity)
		return invalid, true
	}
	if wait, ok := mustWait(c, err); ok {
		return models.ValidationError{"current": wait}, true
	}
	return nil, false
}
