package handlers

import (
	"github.com/gofiber/fiber/v2"

	"daypass/models"
)

// authenticated is somebody who has just proved to be a user, by one factor or by all.
type authenticated struct {
	user     *models.User
	method   models.Method  // the first factor
	factor   *models.Factor // a passkey that is both; else nil
	next     string         // the page to lead to; empty: the dashboard
	form     string         // one that continues afterwards, encrypted
	mistyped int            // wrong passwords just before, in the same form
}

// signIn is where every way to sign in ends. It decides what is still owed, and starts the
// session or leads to the next step. It returns ErrRefused if the user was changed since
// the first factor was verified.
func (a *App) signIn(c *fiber.Ctx, in authenticated) error {
	if owed := a.db.Owes(in.user); owed != models.OwesNothing && !in.factor.Alone() {
		err := a.sessions.StartPending(c, &models.PendingSignIn{Kind: owed, Method: in.method, Next: in.next, Form: in.form, Mistyped: in.mistyped, User: *in.user})
		if err != nil {
			return err
		}
		return c.Redirect(pageOfOwed(owed), fiber.StatusSeeOther)
	}
	if err := a.sessions.EndPending(c); err != nil {
		return err
	}
	to, err := a.startSession(c, models.SignIn{User: in.user, Method: in.method, Factor: in.factor, Mistyped: in.mistyped}, in.next, in.form)
	if err != nil {
		return err
	}
	return c.Redirect(to, fiber.StatusSeeOther)
}

// pageOfOwed is the page of what is owed.
func pageOfOwed(owed models.Owed) string {
	if owed == models.OwesEnrolment {
		return "/login/second-factor/new"
	}
	return "/login/second-factor"
}

// finishSignIn starts the session of a pending sign-in whose user has given the second
// factor, and returns where that leads. It returns the errors of AddSession.
func (a *App) finishSignIn(c *fiber.Ctx, pending *models.PendingSignIn, factor *models.Factor) (to string, err error) {
	return a.startSession(c, models.SignIn{User: &pending.User, Method: pending.Method, Mistyped: pending.Mistyped, Factor: factor, Pending: pending}, pending.Next, pending.Form)
}

// startSession starts a session, and returns where it leads: to a form that continues or
// to a page.
func (a *App) startSession(c *fiber.Ctx, in models.SignIn, next, carried string) (to string, err error) {
	session, err := a.sessions.SignIn(c, in)
	if err != nil {
		return "", err
	}
	c.Locals(sessionKey{}, session)
	if carried != "" {
		text, _ := a.sessions.DecryptForm(c, carried, "") // whose it is was checked after the first factor
		if form, ok := parseWaitingForm(text); ok {
			return a.storeWaiting(c, form)
		}
	}
	return orDashboard(next), nil
}
