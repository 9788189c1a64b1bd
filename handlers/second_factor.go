package handlers

import (
	"errors"
	"fmt"

	"github.com/gofiber/fiber/v2"

	"daypass/handlers/identity"
	"daypass/handlers/render"
	"daypass/handlers/web"
	"daypass/models"
)

// SecondFactorPage asks for the second factor of a sign-in.
type SecondFactorPage struct {
	render.Page
	Recovery bool // for a recovery code, instead of one of the app
	App      bool // there is one
	Stopped  bool // codes count no more here
	Wait     render.Wait
	Passkey  string // what the browser needs to use one; empty: there is none
	Fields   []render.Field
}

func (a *App) showSecondFactor(c *fiber.Ctx) error {
	pending, err := a.pending(c, models.OwesSecondFactor)
	if err != nil {
		return a.signInAgain(c, err)
	}
	return a.renderSecondFactor(c, pending, &SecondFactorPage{Recovery: c.Query("with") == "recovery"}, nil)
}

func (a *App) secondFactor(c *fiber.Ctx) error {
	pending, err := a.pending(c, models.OwesSecondFactor)
	if err != nil {
		return a.signInAgain(c, err)
	}
	from := a.TrustedProxies.Client(c)
	from.Device = a.sessions.TrustedDevice(c, pending.User.Credential())
	page := &SecondFactorPage{Recovery: c.Request().PostArgs().Has("recovery_code")}
	factor, err := a.checkFactor(c, &pending.User, pending, identity.SecondFactor(pending), from)
	to := ""
	if err == nil {
		to, err = a.finishSignIn(c, pending, factor)
	}
	if err == nil {
		a.sayCodesLeft(c, factor)
		return c.Redirect(to, fiber.StatusSeeOther)
	}
	if errors.Is(err, models.ErrRefused) && pending.Tries+1 >= models.MaxTries {
		err = models.ErrNotFound
	}
	if isNotFound(err) {
		return a.signInAgain(c, err)
	}
	var invalid models.ValidationError
	switch {
	case errors.Is(err, models.ErrRefused):
		c.Status(fiber.StatusUnprocessableEntity)
		page.Problem = factorRefused(c)
	case errors.Is(err, models.ErrCodesStopped):
		c.Status(fiber.StatusTooManyRequests)
		page.Stopped = true
	case errors.As(err, &invalid):
		c.Status(fiber.StatusUnprocessableEntity)
	default:
		why, ok := mustWait(c, err)
		if !ok {
			return err
		}
		page.Problem, page.Wait = why, waitOf(c)
	}
	return a.renderSecondFactor(c, pending, page, invalid)
}

// pending returns the pending sign-in of a request that owes this, or ErrNotFound.
func (a *App) pending(c *fiber.Ctx, owed models.Owed) (*models.PendingSignIn, error) {
	pending, err := a.sessions.Pending(c)
	if err == nil && pending.Kind != owed {
		err = models.ErrNotFound
	}
	return pending, err
}

// signInAgain leads to the sign-in page when the error is that there is no such pending
// sign-in any more, or that its user was changed meanwhile.
func (a *App) signInAgain(c *fiber.Ctx, err error) error {
	if !isNotFound(err) && !errors.Is(err, models.ErrRefused) {
		return err
	}
	if a.sessions.HasPendingCookie(c) {
		a.sessions.ForgetPending(c)
		return c.Redirect("/login?late=1", fiber.StatusSeeOther)
	}
	return c.Redirect("/login", fiber.StatusSeeOther)
}

// checkFactor checks the second factor in a form: the answer of a passkey for a purpose, a
// code, or a recovery code. It returns what CheckCode and CheckRecoveryCode return.
func (a *App) checkFactor(c *fiber.Ctx, user *models.User, pending *models.PendingSignIn, purpose identity.Purpose, from models.ClientInfo) (*models.Factor, error) {
	if answer := web.Form(c, "passkey"); answer != "" {
		return a.checkPasskey(c, user, pending, purpose, answer, from)
	}
	if c.Request().PostArgs().Has("recovery_code") {
		return a.db.CheckRecoveryCode(c.UserContext(), user, pending, web.Form(c, "recovery_code"), from)
	}
	factor, err := a.db.CheckCode(c.UserContext(), user, pending, web.Form(c, "code"), from)
	if errors.Is(err, models.ErrUnknownSecret) {
		a.sessions.LookForSecrets(c.UserContext())
		factor, err = a.db.CheckCode(c.UserContext(), user, pending, web.Form(c, "code"), from)
	}
	return factor, err
}

// factorRefused says of a second factor in a form that it was wrong.
func factorRefused(c *fiber.Ctx) string {
	if web.Form(c, "passkey") != "" {
		return "This passkey wasn't accepted. Please try again."
	}
	return "This code is wrong or has already been used."
}

// usedCodeKey marks a request in which a recovery code was used.
type usedCodeKey struct{}

// sayCodesLeft says how many recovery codes are left after one was used, also beside what
// else the request says.
func (a *App) sayCodesLeft(c *fiber.Ctx, used *models.Factor) {
	if !used.IsRecoveryCode() {
		return
	}
	c.Locals(usedCodeKey{}, true)
	if err := a.setMessage(c, ""); err != nil {
		a.logFailure(c, err) // it was used all the same
	}
}

// codesLeft is the sentence about that; empty: there is no second factor any more.
func (a *App) codesLeft(c *fiber.Ctx) (string, error) {
	factors, err := a.db.FactorsOf(c.UserContext(), &sessionOf(c).User)
	if err != nil || factors.App == nil && len(factors.Passkeys) == 0 {
		return "", err
	}
	return fmt.Sprintf("You used a recovery code: %d left. If you lost your app or passkey, replace it under Security, and create new codes.", factors.Codes), nil
}

func (a *App) renderSecondFactor(c *fiber.Ctx, pending *models.PendingSignIn, page *SecondFactorPage, invalid models.ValidationError) error {
	page.Title = "Second step"
	factors, err := a.db.FactorsOf(c.UserContext(), &pending.User)
	if err != nil {
		return err
	}
	if page.Passkey, err = a.passkeyFor(c, factors, identity.SecondFactor(pending), &pending.User); err != nil {
		return err
	}
	page.App = factors.App != nil
	page.Recovery = page.Recovery || !page.App
	page.Fields = render.FocusFirst(factorFields(page.Recovery, invalid))
	return a.render(c, "second-factor", page)
}

// factorFields are those of a second factor, for every form that asks for one.
func factorFields(recovery bool, invalid models.ValidationError) []render.Field {
	if recovery {
		return []render.Field{{Label: "Recovery code", Name: "recovery_code", Type: "text", Autocomplete: "off", Error: invalid["recovery_code"], Hint: "One of those that you saved when you set up your second factor. Each works once."}}
	}
	return []render.Field{{Label: "Code", Name: "code", Type: "code", Autocomplete: "one-time-code", Error: invalid["code"], Hint: "The 6 digits that your authenticator app shows."}}
}
