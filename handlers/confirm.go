package handlers

import (
	"cmp"
	"errors"
	"net/url"

	"github.com/gofiber/fiber/v2"

	"daypass/handlers/identity"
	"daypass/handlers/render"
	"daypass/handlers/web"
	"daypass/models"
	"daypass/models/database"
)

// waitingValues begins the names of the values of a session that hold the forms that wait
// until its user has confirmed who they are. The ID of the form follows.
const waitingValues = "waiting form "

// errUnconfirmed is what a client that takes JSON gets instead of the page.
var errUnconfirmed = fiber.NewError(fiber.StatusForbidden, "you have to confirm who you are first")

// ConfirmPage asks for all that a user signs in with before a change. For a form that
// continues after a sign-in, it shows what was sent instead, and has no fields.
type ConfirmPage struct {
	render.Page
	Form     waitingForm
	Password bool   // asks for the password
	Factor   bool   // asks for a second factor
	Recovery bool   // for a recovery code
	App      bool   // there is one
	Passkey  string // what the browser needs to use one; empty: there is none
	Stopped  bool   // codes count no more here
	Wait     render.Wait
	Fields   []render.Field
}

// Other is the address of the same page with the other kind of code.
func (p *ConfirmPage) Other() string {
	query := url.Values{"form": {p.Form.ID}, "next": {p.Form.Back}}
	if !p.Recovery {
		query.Set("with", "recovery")
	}
	return "/confirm?" + query.Encode()
}

// Window says how long ago the user may have signed in or confirmed that.
func (*ConfirmPage) Window() string { return web.HumanDuration(models.ConfirmedFor) }

// requireRecent lets a change pass when the user has recently given all factors that the
// account has. Otherwise the form waits in the session, and a page of its own asks for
// them, so that going back and reloading send nothing again.
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

// requireRecentFactors does the same for a form that has the current password in it: for
// an account without a second factor that is all there is to ask for.
func (a *App) requireRecentFactors(c *fiber.Ctx) error {
	if user := sessionOf(c).User; user.HasPassword() && !user.HasSecondFactor() {
		return c.Next()
	}
	return a.requireRecent(c)
}

// letWait stores a form in the session, and leads to the page that asks whether to
// continue with it.
func (a *App) letWait(c *fiber.Ctx, form waitingForm) error {
	to, err := a.storeWaiting(c, form)
	if err != nil {
		return err
	}
	return c.Redirect(to, fiber.StatusSeeOther)
}

// storeWaiting stores a form in the session, and returns the address of that page.
func (a *App) storeWaiting(c *fiber.Ctx, form waitingForm) (to string, err error) {
	form.ID = database.NewRowID()
	if err = a.sessions.SetSecret(c, sessionOf(c), waitingValues+form.ID, form.String(), models.ConfirmedFor); err != nil {
		return "", err
	}
	err = a.db.KeepLatestValues(c.UserContext(), sessionOf(c), waitingValues, models.MaxWaitingForms)
	return "/confirm?" + url.Values{"form": {form.ID}, "next": {form.Back}}.Encode(), err
}

// recent tells whether the user of a request has recently given all factors.
func (a *App) recent(c *fiber.Ctx) (bool, error) {
	return a.db.RecentlyConfirmed(c.UserContext(), sessionOf(c))
}

// waitingFor returns the form with this ID that waits in the session, or ErrNotFound.
func (a *App) waitingFor(c *fiber.Ctx, id string) (waitingForm, error) {
	text, err := a.sessions.Secret(c, sessionOf(c), waitingValues+id)
	if err != nil {
		return waitingForm{}, err
	}
	form, ok := parseWaitingForm(text)
	if !ok {
		return waitingForm{}, models.ErrNotFound
	}
	return form, nil
}

// showConfirm asks for all factors. When the form waits no longer, such as for those
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
	return a.renderConfirm(c, &ConfirmPage{Form: form, Recovery: c.Query("with") == "recovery"}, nil)
}

func (a *App) confirm(c *fiber.Ctx) error {
	ctx, session := c.UserContext(), sessionOf(c)
	waitsNoLonger := func() error {
		return a.redirectWithMessage(c, "This form is no longer waiting for confirmation: it was handled already, later ones took its place, or too much time has passed. Check before you send it again.", orDashboard(a.nextOf(web.Form(c, "next"))))
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
		page := &ConfirmPage{Form: form, Recovery: c.Request().PostArgs().Has("recovery_code")}
		err := a.reauthenticate(c)
		if isNotFound(err) { // the session has another ID since: it was sent twice at once
			return waitsNoLonger()
		}
		if errors.Is(err, models.ErrCodesStopped) {
			c.Status(fiber.StatusTooManyRequests)
			page.Stopped = true
			return a.renderConfirm(c, page, nil)
		}
		if throttled := new(models.ThrottledError); errors.As(err, &throttled) && throttled.Wrong == "passkeys" {
			page.Problem, _ = mustWait(c, err)
			page.Wait = waitOf(c)
			return a.renderConfirm(c, page, nil)
		}
		if invalid, ok := passwordRefused(c, err); ok {
			return a.renderConfirm(c, page, invalid)
		}
		if err != nil {
			return err
		}
	}
	_, err = a.db.TakeValue(ctx, session, waitingValues+form.ID)
	if isNotFound(err) { // sent twice at once: the other one is handled
		return waitsNoLonger()
	}
	if err != nil {
		return err
	}
	return a.resend(c, form)
}

// reauthenticate checks all factors in a form that the account has, and gives the session
// a new ID. It returns a ValidationError with the field that is wrong.
func (a *App) reauthenticate(c *fiber.Ctx) error {
	session, from := sessionOf(c), a.sessionClient(c)
	var factor *models.Factor
	if web.Form(c, "passkey") != "" {
		var err error
		if factor, err = a.checkFactor(c, &session.User, nil, identity.Confirmation(session), from); err != nil {
			return wrongFactor(c, err)
		}
	}
	if session.User.HasPassword() && !factor.Alone() {
		if err := a.db.Confirm(c.UserContext(), session, web.Form(c, "current"), from); err != nil {
			return err
		}
	}
	if factor == nil && session.User.HasSecondFactor() {
		var err error
		if factor, err = a.checkFactor(c, &session.User, nil, identity.Confirmation(session), from); err != nil {
			return wrongFactor(c, err)
		}
	}
	err := a.changeFactors(c, func(asked models.FactorChange) error { return a.db.Reauthenticate(c.UserContext(), asked, factor) })
	if err == nil && factor != nil {
		a.sayCodesLeft(c, factor)
	}
	return wrongFactor(c, err)
}

// wrongFactor turns ErrRefused into what to say in the form of a second factor.
func wrongFactor(c *fiber.Ctx, err error) error {
	if !errors.Is(err, models.ErrRefused) {
		return err
	}
	return models.ValidationError{factorField(c): factorRefused(c)}
}

// factorField is the field of a form that has the second factor.
func factorField(c *fiber.Ctx) string {
	switch {
	case web.Form(c, "passkey") != "":
		return "passkey"
	case c.Request().PostArgs().Has("recovery_code"):
		return "recovery_code"
	}
	return "code"
}

func (a *App) renderConfirm(c *fiber.Ctx, page *ConfirmPage, invalid models.ValidationError) error {
	user := sessionOf(c).User
	page.Title, page.Password, page.Factor = "Confirm it's you", user.HasPassword(), user.HasSecondFactor()
	if page.Password {
		page.Fields = append(page.Fields, render.Field{Label: "Current password", Name: "current", Type: "password", Autocomplete: "current-password", Error: invalid["current"]})
	}
	if page.Factor {
		factors, err := a.db.FactorsOf(c.UserContext(), &user)
		if err != nil {
			return err
		}
		if page.Passkey, err = a.passkeyFor(c, factors, identity.Confirmation(sessionOf(c)), &user); err != nil {
			return err
		}
		page.App = factors.App != nil
		page.Recovery = page.Recovery || !page.App
		page.Problem = cmp.Or(page.Problem, invalid["passkey"])
		page.Fields = append(page.Fields, factorFields(page.Recovery, invalid)...)
	}
	for i := range page.Fields {
		if page.Fields[i].Error != "" {
			page.Fields[i].Wait = waitOf(c)
		}
	}
	page.Fields = render.FocusFirst(page.Fields)
	return a.render(c, "confirm", page)
}

// passwordRefused returns what to say beside the fields of a form whose password or
// second factor was refused, or could not be checked yet, and sets the status.
func passwordRefused(c *fiber.Ctx, err error) (models.ValidationError, bool) {
	var invalid models.ValidationError
	if errors.As(err, &invalid) {
		c.Status(fiber.StatusUnprocessableEntity)
		return invalid, true
	}
	wait, ok := mustWait(c, err)
	if !ok {
		return nil, false
	}
	var throttled *models.ThrottledError
	if errors.As(err, &throttled) && throttled.Wrong != "" {
		return models.ValidationError{factorField(c): wait}, true
	}
	return models.ValidationError{"current": wait}, true
}
