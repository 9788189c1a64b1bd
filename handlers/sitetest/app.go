package sitetest

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"daypass/models"
)

// App is an authenticator app, and the recovery codes that were shown with it.
type App struct {
	T     *testing.T
	Seed  string
	Codes []string
	site  *Site
}

// SetUpApp adds an authenticator app to the account of whoever is signed in, through the pages.
func (b *Browser) SetUpApp() *App {
	b.T.Helper()
	page := b.Post("/account/security/app").Answers(http.StatusOK).Says("Nothing has been changed yet.")
	app := &App{T: b.T, Seed: strings.ReplaceAll(page.First(`Key: <code>([A-Z2-7 ]+)</code>`), " ", ""), site: b.site}
	b.site.KeepsSecret(app.Seed)
	shown := b.Post("/account/security/app/confirm", "code", app.Code())
	if shown.Response.StatusCode == http.StatusSeeOther { // it replaced another one
		return app
	}
	for _, code := range regexp.MustCompile(`<li><code>([A-Z2-7-]+)</code></li>`).FindAllStringSubmatch(shown.Answers(http.StatusOK).Body, -1) {
		app.Codes = append(app.Codes, code[1])
		b.site.KeepsSecret(code[1])
	}
	return app
}

// Code is what the app shows now.
func (a *App) Code() string { return models.Code(a.Seed, a.site.DB.Now()) }

// At is what the app shows now by the clock of a site that was started again.
func (a *App) At(site *Site) string { return models.Code(a.Seed, site.DB.Now()) }
