package handlers

import (
	"errors"
	"html/template"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"daypass/handlers/render"
	"daypass/handlers/web"
	"daypass/models"
)

// SecurityPage shows how the user signs in, and changes that.
type SecurityPage struct {
	render.Page
	Factors  models.Factors
	Due      *FactorDue // until when one has to be there that is required; nil: none is owed
	CodeTest []render.Field
	// Passkeys are those of the user, and Accepted tells the browser which of them count.
	Passkeys []PasskeyRow
	Accepted string
	Offered  bool // browsers offer passkeys at this URL
	Needless bool // a passkey signs in alone, so the password can be removed
}

// WrongCodes is how many wrong codes in a row stop them.
func (*SecurityPage) WrongCodes() int { return models.MaxWrongCodes }

// FactorDue is when a second factor has to be there that is required.
type FactorDue struct {
	At  models.Time
	Now bool // it has to be there already
}

// factorDue returns nil if none is owed.
func (a *App) factorDue(user *models.User) *FactorDue {
	due, owes := a.db.FactorDueBy(user)
	if !owes {
		return nil
	}
	return &FactorDue{due, !due.After(a.db.Time().Time)}
}

func (a *App) security(c *fiber.Ctx) error { return a.renderSecurity(c, "", nil) }

func (a *App) renderSecurity(c *fiber.Ctx, problem string, invalid models.ValidationError) error {
	page := &SecurityPage{Page: render.Page{Title: "Security", Problem: problem}}
	var err error
	if page.Factors, err = a.db.FactorsOf(c.UserContext(), &sessionOf(c).User); err != nil {
		return err
	}
	page.Due = a.factorDue(&sessionOf(c).User)
	alone := false
	page.Passkeys, alone = a.passkeyRows(page.Factors.Passkeys)
	page.Needless = alone && sessionOf(c).User.HasPassword()
	if page.Offered = a.passkeys != nil; page.Offered {
		if page.Accepted, err = a.passkeys.Accepted(c.UserContext(), &sessionOf(c).User, page.Factors.Passkeys); err != nil {
			return err
		}
	}
	page.CodeTest = []render.Field{{Label: "One of your recovery codes", Name: "recovery_code", Type: "text", Autocomplete: "off", Error: invalid["recovery_code"], Focus: invalid != nil}}
	return a.render(c, "security", page)
}

// NewAppPage shows the seed of a new authenticator app, once, and asks for a code of it.
type NewAppPage struct {
	render.Page
	Action string // where the form is sent to
	Cancel string
	QR     render.QR
	Seed   string // in groups; empty after a wrong code
	Fields []render.Field
}

// newAppValue is the name under which a session holds the seed of an app whose first code
// was not entered yet.
const newAppValue = "new authenticator app"

// newApp shows a new seed. Nothing has changed until a code of it is entered. The page is
// the answer to the form itself, so that no address shows the seed a second time.
func (a *App) newApp(c *fiber.Ctx) error {
	seed := models.NewSeed()
	if err := a.sessions.SetSecret(c, sessionOf(c), newAppValue, seed, models.ConfirmedFor); err != nil {
		return err
	}
	return a.renderNewApp(c, newAppPage(), &sessionOf(c).User, seed, nil)
}

func newAppPage() *NewAppPage {
	return &NewAppPage{Page: securityPage("Set up an authenticator app", "Authenticator app"), Action: "/account/security/app/confirm", Cancel: "/account/security"}
}

// securityPage is the frame of a page below Security.
func securityPage(title, crumb string) render.Page {
	return render.Page{Title: title, Crumb: crumb, Breadcrumbs: []render.NavItem{{Path: "/account/security", Label: "Security"}}}
}

// renderNewApp shows the seed of an app, or, without one, the form for its code again.
func (a *App) renderNewApp(c *fiber.Ctx, page *NewAppPage, user *models.User, seed string, invalid models.ValidationError) error {
	page.Fields = render.FocusFirst([]render.Field{{Label: "Code", Name: "code", Type: "code", Autocomplete: "one-time-code", Error: invalid["code"], Hint: "The 6 digits that the app shows for this account."}})
	if seed != "" {
		var groups []string
		for rest := seed; rest != ""; rest = rest[4:] { // a seed has 32 letters
			groups = append(groups, rest[:4])
		}
		page.Seed = strings.Join(groups, " ")
		var err error
		if page.QR, err = render.NewQR(appAddress(a.Title, user.Name, seed)); err != nil {
			return err
		}
	}
	return a.render(c, "new-app", page)
}

// appAddress is what the QR code of a seed says. Apps don't read a plus as a space.
func appAddress(title, name, seed string) string {
	escape := func(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }
	return "otpauth://totp/" + escape(title) + ":" + escape(name) + "?secret=" + seed + "&issuer=" + escape(title)
}

// confirmApp adds the app whose code was entered.
func (a *App) confirmApp(c *fiber.Ctx) error {
	session := sessionOf(c)
	startAgain := func() error {
		return a.redirectWithMessage(c, "Too much time has passed since the QR code was shown. Please start again.", "/account/security")
	}
	seed, err := a.sessions.Secret(c, session, newAppValue)
	if isNotFound(err) {
		return startAgain()
	}
	if err != nil {
		return err
	}
	step, err := a.db.CheckNewApp(seed, web.Form(c, "code"))
	if invalid := (models.ValidationError{}); errors.As(err, &invalid) {
		c.Status(fiber.StatusUnprocessableEntity)
		return a.renderNewApp(c, newAppPage(), &session.User, "", invalid)
	}
	if _, err := a.db.TakeValue(c.UserContext(), session, newAppValue); isNotFound(err) { // sent twice at once
		return startAgain()
	} else if err != nil {
		return err
	}
	factor, codes, err := a.db.NewApp(c.UserContext(), &session.User, seed, step)
	if err != nil {
		return err
	}
	err = a.changeFactors(c, func(asked models.FactorChange) error { return a.db.AddFactor(c.UserContext(), asked, factor) })
	if err != nil {
		return err
	}
	switch {
	case codes == nil && factor.EndsOthers():
		return a.redirectWithMessage(c, "Your authenticator app was replaced, and your other sessions were ended.", "/account/security")
	case codes == nil:
		return a.redirectWithMessage(c, "Your authenticator app was added.", "/account/security")
	}
	return a.renderCodes(c, newCodesPage("app"), codes)
}

// changeFactors makes a change to how the user of a request signs in. The session gets a new ID.
func (a *App) changeFactors(c *fiber.Ctx, change func(asked models.FactorChange) error) error {
	session := sessionOf(c)
	return a.sessions.Rotate(c, session, func(newID func() (models.SessionID, error)) error {
		return change(models.FactorChange{Session: session, NewID: newID, From: a.TrustedProxies.Client(c), Domain: a.passkeyDomain()})
	})
}

func (a *App) removeApp(c *fiber.Ctx) error {
	err := a.changeFactors(c, func(asked models.FactorChange) error { return a.db.RemoveApp(c.UserContext(), asked) })
	if errors.Is(err, models.ErrLastFactor) {
		c.Status(fiber.StatusUnprocessableEntity)
		return a.renderSecurity(c, "A second factor is required here. Add another one first, then remove this one.", nil)
	}
	if isNotFound(err) {
		return a.redirectWithMessage(c, "There is no authenticator app.", "/account/security")
	}
	if err != nil {
		return err
	}
	return a.redirectWithMessage(c, "Your authenticator app was removed, and your other sessions were ended.", "/account/security")
}

func (a *App) removePassword(c *fiber.Ctx) error {
	err := a.changeFactors(c, func(asked models.FactorChange) error { return a.db.RemovePassword(c.UserContext(), asked) })
	if errors.Is(err, models.ErrLastWayIn) {
		c.Status(fiber.StatusUnprocessableEntity)
		return a.renderSecurity(c, "Nothing else signs you in. First create a passkey that signs you in alone, or sign in with yours alone once.", nil)
	}
	if isNotFound(err) {
		return a.redirectWithMessage(c, "You have no password.", "/account/security")
	}
	if err != nil {
		return err
	}
	return a.redirectWithMessage(c, "Your password was removed, and your other sessions were ended.", "/account/security")
}

// CodesPage shows new recovery codes, once.
type CodesPage struct {
	render.Page
	First string // the first second factor, with which they were made; empty: they replace others
	Codes []string
	File  template.URL // the same, to download
	Next  string       // the page to continue with
}

func (a *App) newRecoveryCodes(c *fiber.Ctx) error {
	codes, err := a.db.NewRecoveryCodes(c.UserContext(), sessionOf(c), a.TrustedProxies.Client(c))
	if err != nil {
		return err
	}
	return a.renderCodes(c, newCodesPage(""), codes)
}

func newCodesPage(first string) *CodesPage {
	return &CodesPage{Page: securityPage("Your recovery codes", "Recovery codes"), First: first, Next: "/account/security"}
}

// renderCodes shows recovery codes. The file is part of the page: nothing asks for it.
func (a *App) renderCodes(c *fiber.Ctx, page *CodesPage, codes []string) error {
	page.Codes = codes
	file := "Recovery codes of " + sessionOf(c).User.Name + " for " + a.Title + " (" + a.URL.String() + "), " + a.db.Time().Format("2 January 2006") + ". Each works once.\r\n\r\n" + strings.Join(codes, "\r\n") + "\r\n"
	page.File = template.URL("data:text/plain;charset=utf-8," + url.PathEscape(file))
	return a.render(c, "codes", page)
}

// testRecoveryCode checks that the user has the recovery codes at hand.
func (a *App) testRecoveryCode(c *fiber.Ctx) error {
	err := a.db.VerifyRecoveryCode(c.UserContext(), &sessionOf(c).User, web.Form(c, "recovery_code"), a.TrustedProxies.Client(c))
	if invalid := (models.ValidationError{}); errors.As(err, &invalid) {
		c.Status(fiber.StatusUnprocessableEntity)
		return a.renderSecurity(c, "", invalid)
	}
	if err != nil {
		return err
	}
	return a.redirectWithMessage(c, "This code works. It wasn't used up.", "/account/security")
}
