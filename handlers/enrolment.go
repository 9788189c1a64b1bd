package handlers

import (
	"errors"

	"github.com/gofiber/fiber/v2"

	"daypass/handlers/identity"
	"daypass/handlers/render"
	"daypass/handlers/web"
	"daypass/models"
)

// EnrolmentPage is where somebody sets up the second factor that is required, before the
// session begins.
type EnrolmentPage struct {
	render.Page
	Passkeys bool // browsers offer them at this URL
}

func (a *App) showEnrolment(c *fiber.Ctx) error {
	if _, err := a.pending(c, models.OwesEnrolment); err != nil {
		return a.signInAgain(c, err)
	}
	return a.render(c, "enrolment", &EnrolmentPage{Page: render.Page{Title: "Set up a second factor"}, Passkeys: a.passkeys != nil})
}

// enrol shows the seed of a new app, as newApp does inside a session.
func (a *App) enrol(c *fiber.Ctx) error {
	pending, err := a.pending(c, models.OwesEnrolment)
	if err != nil {
		return a.signInAgain(c, err)
	}
	seed := models.NewSeed()
	if err := a.sessions.SetPendingSecret(c, pending, seed); err != nil {
		return a.signInAgain(c, err)
	}
	return a.renderNewApp(c, enrolmentApp(), &pending.User, seed, nil)
}

func enrolmentApp() *NewAppPage {
	return &NewAppPage{Page: render.Page{Title: "Set up an authenticator app"}, Action: "/login/second-factor/new/confirm", Cancel: "/login/second-factor/new"}
}

// confirmEnrolment adds the app whose code was entered, and starts the session.
func (a *App) confirmEnrolment(c *fiber.Ctx) error {
	pending, err := a.pending(c, models.OwesEnrolment)
	if err != nil {
		return a.signInAgain(c, err)
	}
	seed, err := a.sessions.PendingSecret(c, pending)
	if isNotFound(err) {
		return c.Redirect("/login/second-factor/new", fiber.StatusSeeOther)
	}
	if err != nil {
		return err
	}
	step, err := a.db.CheckEnrolment(c.UserContext(), pending, seed, web.Form(c, "code"))
	if invalid := (models.ValidationError{}); errors.As(err, &invalid) {
		c.Status(fiber.StatusUnprocessableEntity)
		return a.renderNewApp(c, enrolmentApp(), &pending.User, "", invalid)
	}
	if err != nil {
		return a.signInAgain(c, err)
	}
	factor, codes, err := a.db.NewApp(c.UserContext(), &pending.User, seed, step)
	if err != nil {
		return err
	}
	to, err := a.finishSignIn(c, pending, factor)
	if err != nil {
		return a.signInAgain(c, err)
	}
	return a.renderCodes(c, enrolmentCodes("app", to), codes)
}

func enrolmentCodes(first, next string) *CodesPage {
	return &CodesPage{Page: render.Page{Title: "Your recovery codes"}, First: first, Next: next}
}

func enrolmentPasskey() *NewPasskeyPage {
	return &NewPasskeyPage{Page: render.Page{Title: "Create a passkey"}, Action: "/login/second-factor/new/passkey", Cancel: "/login/second-factor/new"}
}

func (a *App) showEnrolPasskey(c *fiber.Ctx) error {
	pending, err := a.pending(c, models.OwesEnrolment)
	if err != nil {
		return a.signInAgain(c, err)
	}
	if a.passkeys == nil {
		return c.Redirect("/login/second-factor/new", fiber.StatusSeeOther)
	}
	return a.renderNewPasskey(c, enrolmentPasskey(), &pending.User, identity.Enrolment(pending), nil)
}

// enrolPasskey adds the passkey that the browser has made, and starts the session.
func (a *App) enrolPasskey(c *fiber.Ctx) error {
	pending, err := a.pending(c, models.OwesEnrolment)
	if err != nil {
		return a.signInAgain(c, err)
	}
	if a.passkeys == nil {
		return fiber.ErrNotFound
	}
	purpose := identity.Enrolment(pending)
	factor, codes, err := a.createdPasskey(c, &pending.User, purpose)
	to := ""
	if err == nil {
		to, err = a.finishSignIn(c, pending, factor)
	}
	if isNotFound(err) {
		return a.signInAgain(c, err)
	}
	if err != nil {
		return a.passkeyRefused(c, enrolmentPasskey(), &pending.User, purpose, err)
	}
	return a.renderCodes(c, enrolmentCodes("passkey", to), codes)
}
