package handlers

import (
	"errors"
	"slices"

	"github.com/gofiber/fiber/v2"

	"daypass/handlers/identity"
	"daypass/handlers/render"
	"daypass/handlers/web"
	"daypass/models"
)

// passkeyOptions sends what the browser needs to sign in with a passkey alone. It writes
// nothing: the sign-in page is the same for everybody, and its script asks for this.
func (a *App) passkeyOptions(c *fiber.Ctx) error {
	if a.passkeys == nil {
		return fiber.ErrNotFound
	}
	options, err := a.passkeys.Options(c.UserContext(), identity.WithoutPassword(), nil)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.SendString(options)
}

// signInWithPasskey signs in with a passkey alone.
func (a *App) signInWithPasskey(c *fiber.Ctx) error {
	if err := a.sessions.EndPending(c); err != nil {
		return err
	}
	page := &LoginPage{Next: a.nextOf(web.Form(c, "next")), Carried: web.Form(c, "form")}
	user, factor, err := a.checkPasskeyAlone(c)
	if err == nil {
		in := authenticated{user: user, method: models.ByPasskey, factor: factor, next: page.Next}
		if a.openCarried(c, page, user.Credential()) {
			in.form = page.Carried
		} else if page.Carried != "" { // whoever sent the form is somebody else
			in.next = ""
		}
		err = a.signIn(c, in)
	}
	if !errors.Is(err, models.ErrRefused) {
		return err
	}
	c.Status(fiber.StatusUnprocessableEntity)
	if page.Carried != "" {
		a.openCarried(c, page, "")
	}
	page.Problem = "This passkey wasn't accepted. Sign in with your password."
	return a.renderLogin(c, page, "", nil)
}

// checkPasskeyAlone returns who has answered with a passkey that is both factors, or ErrRefused.
func (a *App) checkPasskeyAlone(c *fiber.Ctx) (*models.User, *models.Factor, error) {
	if a.passkeys == nil {
		return nil, nil, models.ErrRefused
	}
	user, factor, err := a.passkeys.Check(c.UserContext(), identity.WithoutPassword(), nil, web.Form(c, "passkey"))
	if err == nil && !factor.Alone() {
		err = models.ErrRefused
	}
	return user, factor, err
}

// checkPasskey checks the answer of a passkey as the second factor of a user. It returns
// what CheckCode returns but ErrCodesStopped.
func (a *App) checkPasskey(c *fiber.Ctx, user *models.User, pending *models.PendingSignIn, purpose identity.Purpose, answer string, from models.ClientInfo) (*models.Factor, error) {
	if err := a.db.CountPasskey(c.UserContext(), user, pending, from); err != nil {
		return nil, err
	}
	err := models.ErrRefused
	var factor *models.Factor
	if a.passkeys != nil {
		_, factor, err = a.passkeys.Check(c.UserContext(), purpose, user, answer)
	}
	if errors.Is(err, models.ErrRefused) {
		err = a.db.RefusePasskey(c.UserContext(), user, from)
	}
	return factor, err
}

// passkeyFor is what the browser needs to use one of a user's passkeys; empty: there is none here.
func (a *App) passkeyFor(c *fiber.Ctx, factors models.Factors, purpose identity.Purpose, user *models.User) (string, error) {
	if a.passkeys == nil || !a.anyHere(factors.Passkeys) {
		return "", nil
	}
	return a.passkeys.Options(c.UserContext(), purpose, user)
}

// anyHere tells whether a passkey was made for this domain.
func (a *App) anyHere(passkeys []models.Passkey) bool {
	return slices.ContainsFunc(passkeys, func(passkey models.Passkey) bool { return passkey.Domain == a.passkeys.Domain })
}

// PasskeyRow is a passkey on the page Security.
type PasskeyRow struct {
	models.Passkey
	Elsewhere bool // no browser offers it at this address
}

// passkeyRows are the passkeys of a user, and whether one of them makes the password unnecessary.
func (a *App) passkeyRows(passkeys []models.Passkey) (rows []PasskeyRow, alone bool) {
	for _, passkey := range passkeys {
		row := PasskeyRow{passkey, passkey.Domain != a.passkeyDomain()}
		rows, alone = append(rows, row), alone || !row.Elsewhere && passkey.SignsInAlone()
	}
	return rows, alone
}

// passkeyDomain is what passkeys are made for here; empty: browsers offer none.
func (a *App) passkeyDomain() string {
	if a.passkeys == nil {
		return ""
	}
	return a.passkeys.Domain
}

// NewPasskeyPage asks the browser to make a passkey.
type NewPasskeyPage struct {
	render.Page
	Action  string // where the form is sent to
	Cancel  string
	Options string // what the browser needs for that
	Handle  string
	Fields  []render.Field
}

func newPasskeyPage() *NewPasskeyPage {
	return &NewPasskeyPage{Page: render.Page{Title: "Create a passkey"}, Action: "/account/security/passkeys/new", Cancel: "/account/security"}
}

// newPasskey leads to the page that makes a passkey, once the user has confirmed who they are.
func (a *App) newPasskey(c *fiber.Ctx) error {
	return c.Redirect("/account/security/passkeys/new", fiber.StatusSeeOther)
}

func (a *App) showNewPasskey(c *fiber.Ctx) error {
	recent, err := a.recent(c)
	if err != nil {
		return err
	}
	if a.passkeys == nil || !recent {
		return c.Redirect("/account/security", fiber.StatusSeeOther)
	}
	session := sessionOf(c)
	return a.renderNewPasskey(c, newPasskeyPage(), &session.User, identity.Creation(session), nil)
}

func (a *App) renderNewPasskey(c *fiber.Ctx, page *NewPasskeyPage, user *models.User, purpose identity.Purpose, invalid models.ValidationError) (err error) {
	page.Fields = render.FocusFirst([]render.Field{{Label: "Name", Name: "name", Type: "text", Value: web.Showable(web.Form(c, "name"), models.MaxDeviceName), Autocomplete: "off", Error: invalid["name"], Hint: "Where you keep it, such as: phone, blue key."}})
	if page.Options, page.Handle, err = a.passkeys.CreationOptions(c.UserContext(), user, purpose); err != nil {
		return err
	}
	return a.render(c, "new-passkey", page)
}

// createdPasskey checks the passkey that the browser has made, and returns what Create does.
func (a *App) createdPasskey(c *fiber.Ctx, user *models.User, purpose identity.Purpose) (*models.Factor, []string, error) {
	name, err := models.PasskeyName(web.Form(c, "name"))
	if err != nil {
		return nil, nil, err
	}
	return a.passkeys.Create(user, purpose, name, web.Form(c, "handle"), web.Form(c, "passkey"))
}

// passkeyRefused shows the form of a new passkey again, if it was refused.
func (a *App) passkeyRefused(c *fiber.Ctx, page *NewPasskeyPage, user *models.User, purpose identity.Purpose, err error) error {
	var invalid models.ValidationError
	switch {
	case errors.Is(err, models.ErrRefused):
		page.Problem = "The passkey wasn't accepted, or too much time has passed. Please try again."
	case errors.Is(err, identity.ErrUnfitKey):
		page.Problem = "This passkey is of a kind that doesn't count here. Create it on another device."
	case !errors.As(err, &invalid):
		return err
	}
	c.Status(fiber.StatusUnprocessableEntity)
	return a.renderNewPasskey(c, page, user, purpose, invalid)
}

// addPasskey adds the passkey that the browser has made.
func (a *App) addPasskey(c *fiber.Ctx) error {
	if a.passkeys == nil {
		return fiber.ErrNotFound
	}
	session := sessionOf(c)
	purpose := identity.Creation(session)
	factor, codes, err := a.createdPasskey(c, &session.User, purpose)
	if err == nil {
		err = a.changeFactors(c, func(asked models.FactorChange) error { return a.db.AddFactor(c.UserContext(), asked, factor) })
	}
	switch {
	case errors.Is(err, models.ErrTooManyPasskeys):
		return a.redirectWithMessage(c, "You have too many passkeys. Remove one first.", "/account/security")
	case err != nil:
		return a.passkeyRefused(c, newPasskeyPage(), &session.User, purpose, err)
	case codes == nil:
		return a.redirectWithMessage(c, "Your passkey was added.", "/account/security")
	}
	return a.renderCodes(c, newCodesPage("passkey"), codes)
}

// PasskeyPage renames and removes a passkey.
type PasskeyPage struct {
	render.Page
	Passkey models.Passkey
	Last    bool // the password alone signs in without it
	Only    bool // nothing else signs in
	Fields  []render.Field
}

func (a *App) showPasskey(c *fiber.Ctx) error { return a.renderPasskey(c, "", "", nil) }

func (a *App) renderPasskey(c *fiber.Ctx, problem, name string, invalid models.ValidationError) error {
	factors, err := a.db.FactorsOf(c.UserContext(), &sessionOf(c).User)
	if err != nil {
		return err
	}
	for i, passkey := range factors.Passkeys {
		if passkey.ID != c.Params("id") {
			continue
		}
		if invalid == nil {
			name = passkey.Name
		}
		page := &PasskeyPage{Page: render.Page{Title: passkey.Name}, Passkey: passkey, Last: factors.App == nil && len(factors.Passkeys) == 1}
		_, alone := a.passkeyRows(slices.Delete(slices.Clone(factors.Passkeys), i, i+1))
		page.Only = !sessionOf(c).User.HasPassword() && !alone
		page.Problem = problem
		page.Fields = []render.Field{{Label: "Name", Name: "name", Type: "text", Value: web.Showable(name, models.MaxDeviceName), Autocomplete: "off", Error: invalid["name"], Focus: invalid != nil}}
		return a.render(c, "passkey", page)
	}
	return fiber.ErrNotFound
}

func (a *App) renamePasskey(c *fiber.Ctx) error {
	name := web.Form(c, "name")
	err := a.db.RenamePasskey(c.UserContext(), &sessionOf(c).User, c.Params("id"), name, a.TrustedProxies.Client(c))
	if invalid := (models.ValidationError{}); errors.As(err, &invalid) {
		c.Status(fiber.StatusUnprocessableEntity)
		return a.renderPasskey(c, "", name, invalid)
	}
	if err != nil {
		return err
	}
	return a.redirectWithMessage(c, "Your passkey was renamed.", "/account/security")
}

func (a *App) removePasskey(c *fiber.Ctx) error {
	err := a.changeFactors(c, func(asked models.FactorChange) error {
		return a.db.RemovePasskey(c.UserContext(), asked, c.Params("id"))
	})
	switch {
	case errors.Is(err, models.ErrLastFactor):
		c.Status(fiber.StatusUnprocessableEntity)
		return a.renderPasskey(c, "A second factor is required here. Add another one first, then remove this one.", "", nil)
	case errors.Is(err, models.ErrLastWayIn):
		c.Status(fiber.StatusUnprocessableEntity)
		return a.renderPasskey(c, "Nothing else signs you in. Set a password first, or create another passkey that signs you in alone, then remove this one.", "", nil)
	}
	if err != nil {
		return err
	}
	return a.redirectWithMessage(c, "Your passkey was removed, and your other sessions were ended.", "/account/security")
}
