package handlers

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"daypass/handlers/render"
)

// routes lists every route of the site and who may open it. The order of the lines
// matters only for the menu.
func (a *App) routes() []route {
	routes := []route{
		file("/public/:name", Always, a.renderer.Asset),
		file("/healthz", Public, a.healthz),
		page("/setup", Public, a.showSetup),
		post("/setup", Public, a.setUp),
		post("/password/check", Public, a.checkPassword),
		file("/robots.txt", Always, robots),
		file("/favicon.ico", Always, a.favicon),
		file("/.well-known/change-password", Always, changePassword),
		file("/.well-known/*", Always, noWellKnown),

		page("/login", Anyone, a.showLogin),
		post("/login", Anyone, a.login),
		page("/login/second-factor", Anyone, a.showSecondFactor),
		post("/login/second-factor", Anyone, a.secondFactor),
		page("/login/second-factor/new", Anyone, a.showEnrolment),
		post("/login/second-factor/new", Anyone, a.enrol),
		post("/login/second-factor/new/confirm", Anyone, a.confirmEnrolment),
		page("/login/second-factor/new/passkey", Anyone, a.showEnrolPasskey),
		post("/login/second-factor/new/passkey", Anyone, a.enrolPasskey),
		file("/login/passkey", Anyone, a.passkeyOptions),
		post("/login/passkey", Anyone, a.signInWithPasskey),
		file("/login/forget.svg", Anyone, a.clearCacheImage),
		page("/link", Anyone, a.showSetPassword),
		post("/link", Anyone, a.setPassword),
		file("/session/watch", Anyone, a.sessionEvents),

		page("/", Members, a.home),
		page("/confirm", Members, a.showConfirm),
		post("/confirm", Members, a.confirm),
		page("/dashboard", Members, a.cached(a.dashboard)).menu("Dashboard", "layout-dashboard"),
		page("/sessions", Members, a.cached(a.ownSessions)).menu("Sessions", "monitor"),
		post("/sessions/end", Members, a.endOtherSessions),
		page("/sessions/selected", Members, a.chosenOwnSessions),
		post("/sessions/selected", Members, a.endChosenOwnSessions),
		page("/sessions/:id/name", Members, a.showNameDevice),
		post("/sessions/:id/name", Members, a.nameDevice),
		post("/sessions/:id/end", Members, a.endOwnSession),
		page("/activity", Members, a.cached(a.activity)).menu("Activity", "history"),
		file("/activity.csv", Members, a.activityFile),
		post("/activity/mine", Members, a.acknowledge).confirmed(),
		page("/account", Members, a.cached(a.account)).accountMenu("Account", "user"),
		file("/account/data.json", Members, a.toAccount),
		post("/account/data.json", Members, a.accountData),
		post("/account/name", Members, a.changeName),
		post("/account/password", Members, a.changePassword).confirmedByFactors(),
		post("/account/theme", Members, a.changeTheme),
		post("/account/remove", Members, a.removeAccount).confirmedByFactors(),
		page("/account/security", Members, a.cached(a.security)).accountMenu("Security", "shield"),
		post("/account/security/app", Members, a.newApp).confirmed(),
		post("/account/security/app/confirm", Members, a.confirmApp).confirmed(),
		post("/account/security/app/remove", Members, a.removeApp).confirmed(),
		post("/account/security/password/remove", Members, a.removePassword).confirmed(),
		post("/account/security/codes", Members, a.newRecoveryCodes).confirmed(),
		post("/account/security/passkeys", Members, a.newPasskey).confirmed(),
		page("/account/security/passkeys/new", Members, a.showNewPasskey),
		post("/account/security/passkeys/new", Members, a.addPasskey).confirmed(),
		page("/account/security/passkeys/:id", Members, a.showPasskey),
		post("/account/security/passkeys/:id", Members, a.renamePasskey).confirmed(),
		post("/account/security/passkeys/:id/remove", Members, a.removePasskey).confirmed(),
		post("/account/security/codes/test", Members, a.testRecoveryCode),
		post("/logout", Members, a.logout),

		page("/admin", Admins, a.system).menu("Administration", "shield").tab("System", "gauge"),
		page("/admin/users", Admins, a.users).tab("Users", "users"),
		page("/admin/users/new", Admins, a.showInvite),
		post("/admin/users/new", Admins, a.invite),
		page("/admin/users/selected", Admins, a.chosenUsers),
		post("/admin/users/selected", Admins, a.changeChosenUsers),
		page("/admin/users/:id", Admins, a.user),
		page("/admin/users/:id/link", Admins, a.showLink),
		post("/admin/users/:id/:act", Admins, a.changeUser),
		page("/admin/sessions", Admins, a.allSessions).tab("Sessions", "monitor"),
		post("/admin/sessions/end", Admins, a.endEverySession),
		page("/admin/sessions/selected", Admins, a.chosenSessions),
		post("/admin/sessions/selected", Admins, a.endAnyChosenSessions),
		post("/admin/sessions/:id/end", Admins, a.endAnySession),
		page("/admin/activity", Admins, a.allActivity).tab("Activity", "history"),
		file("/admin/activity.csv", Admins, a.allActivityFile),
	}
	if a.Dev != "" {
		routes = append(routes, file("/dev/state", Public, a.renderer.ShowState))
	}
	return routes
}

// Access says who may open a route. Its zero value admits nobody.
type Access int

const (
	Nobody  Access = iota
	Always         // anyone, even while the database can't be used
	Public         // anyone, even before there is a user
	Anyone         // anyone, once there is a user
	Members        // signed-in users
	Admins         // administrators, who confirm who they are before a change
)

// route is a line of the table.
type route struct {
	method, path string // the path as Fiber reads it
	access       Access
	handler      fiber.Handler
	isPage       bool            // a person can be led there
	confirmation confirmation    // whether the user must have confirmed recently who they are
	menuItem     *render.NavItem // its entry in the menu, if it has one
	accountItem  *render.NavItem // likewise in the menu of the user's account
	tabItem      *render.NavItem // likewise in the tabs of its part of the site
}

// confirmation says what a user must have given recently.
type confirmation int

const (
	confirmNothing confirmation = iota
	confirmAll
	confirmFactors // nothing if the password is all there is, which the form itself has
)

// page is a GET route with a page for people.
func page(path string, access Access, handler fiber.Handler) route {
	return route{method: fiber.MethodGet, path: path, access: access, handler: handler, isPage: true}
}

// file is a GET route with something other than a page: a download, a stream, a picture.
func file(path string, access Access, handler fiber.Handler) route {
	return route{method: fiber.MethodGet, path: path, access: access, handler: handler}
}

// post is a route that a form is sent to.
func post(path string, access Access, handler fiber.Handler) route {
	return route{method: fiber.MethodPost, path: path, access: access, handler: handler}
}

// confirmed asks for the password, and the second factor if there is one, before a
// change, as all changes of administrators do.
func (r route) confirmed() route {
	r.confirmation = confirmAll
	return r
}

// confirmedByFactors does the same for a form that has the current password in it: then
// an account without a second factor is not asked again.
func (r route) confirmedByFactors() route {
	r.confirmation = confirmFactors
	return r
}

// menu puts a page into the menu. The icon is one of public/icons.svg.
func (r route) menu(label, icon string) route {
	r.menuItem = &render.NavItem{Path: r.path, Label: label, Icon: icon, Admin: r.access == Admins}
	return r
}

// accountMenu puts a page into the menu of the user's own account.
func (r route) accountMenu(label, icon string) route {
	r.accountItem = &render.NavItem{Path: r.path, Label: label, Icon: icon, Admin: r.access == Admins}
	return r
}

// tab puts a page into the tabs of the part of the site that its path begins with.
func (r route) tab(label, icon string) route {
	r.tabItem = &render.NavItem{Path: r.path, Label: label, Icon: icon, Admin: r.access == Admins}
	return r
}

// guards returns the middleware of a route with this access rule.
func (a *App) guards(access Access) []fiber.Handler {
	guards := []fiber.Handler{a.secureHeaders, a.sameOrigin, a.requireForm}
	switch {
	case access >= Members: // whose version tells that the database is there, for many requests at once
		guards = append(guards, a.requireUsers, a.requireSession)
	case access >= Anyone:
		guards = append(guards, a.requireDatabase, a.requireUsers)
	case access >= Public:
		guards = append(guards, a.requireDatabase)
	}
	if access >= Admins {
		guards = append(guards, a.requireAdmin, a.requireRecent)
	}
	return guards
}

// register adds the routes to Fiber. Other paths are for members, too: visitors are
// redirected to the sign-in page.
func (a *App) register() error {
	if err := checkRoutes(a.table); err != nil {
		return err
	}
	for _, route := range a.table {
		chain := a.guards(route.access)
		switch route.confirmation {
		case confirmAll:
			chain = append(chain, a.requireRecent)
		case confirmFactors:
			chain = append(chain, a.requireRecentFactors)
		}
		chain = append(chain, route.handler)
		if route.method == fiber.MethodGet {
			a.Get(route.path, chain...) // and HEAD
		} else {
			a.Add(route.method, route.path, chain...)
		}
	}
	for _, guard := range a.guards(Members) {
		a.Use(guard)
	}
	return nil
}

// checkRoutes returns what is wrong with the table, a sentence for each line.
func checkRoutes(routes []route) error {
	var wrong []error
	seen := make(map[string]string)
	for _, route := range routes {
		name := route.method + " " + route.path
		if route.access == Nobody {
			wrong = append(wrong, fmt.Errorf("%s has no access rule: say Always, Public, Anyone, Members or Admins", name))
		}
		if earlier, ok := seen[shape(route)]; ok {
			wrong = append(wrong, fmt.Errorf("%s and %s are the same address: give one of them another path", earlier, name))
		}
		seen[shape(route)] = name
	}
	return errors.Join(wrong...)
}

// shape is the same for two routes of which only one could be reached.
func shape(r route) string {
	parts := strings.Split(r.path, "/")
	for i, part := range parts {
		if strings.HasPrefix(part, ":") {
			parts[i] = ":"
		}
	}
	return r.method + " " + strings.Join(parts, "/")
}

// bySpecificity sorts literal paths before those with parameters: Fiber takes the
// first that matches.
func bySpecificity(routes []route) []route {
	sorted := slices.Clone(routes)
	last := strings.NewReplacer(":", "\x7f", "*", "\x7f\x7f")
	slices.SortStableFunc(sorted, func(one, other route) int {
		return strings.Compare(last.Replace(shape(one)), last.Replace(shape(other)))
	})
	return sorted
}

// routeOf returns the pattern of the route that a request matches, even when it was
// refused before it got there.
func (a *App) routeOf(c *fiber.Ctx) string {
	for _, route := range a.table {
		if route.takes(c.Method()) && route.matches(c.Path()) {
			return route.path
		}
	}
	return "none"
}

// routeExists reports whether there is a route for a method and a path.
func (a *App) routeExists(method, path string) bool {
	return slices.ContainsFunc(a.table, func(route route) bool {
		return route.takes(method) && route.matches(path)
	})
}

// pageOf returns the page that belongs to a path: itself, or for a POST route the
// nearest page above it. It returns nothing for other paths.
func (a *App) pageOf(of string) string {
	if !a.pageExists(of) && !a.routeExists(fiber.MethodPost, of) {
		return ""
	}
	for !a.pageExists(of) {
		of = path.Dir(of)
	}
	return of
}

// pageExists reports whether a path is that of a page.
func (a *App) pageExists(path string) bool {
	return slices.ContainsFunc(a.table, func(route route) bool { return route.isPage && route.matches(path) })
}

func (r route) takes(method string) bool {
	return r.method == method || r.method == fiber.MethodGet && method == fiber.MethodHead
}

func (r route) matches(path string) bool {
	return fiber.RoutePatternMatch(path, r.path, fiber.Config{CaseSensitive: true})
}

// navigation is what the menus and the tabs are made from.
func navigation(routes []route) render.Navigation {
	all := render.Navigation{Tabs: make(map[string][]render.NavItem)}
	for _, route := range routes {
		if route.menuItem != nil {
			all.Menu = append(all.Menu, *route.menuItem)
		}
		if route.accountItem != nil {
			all.Account = append(all.Account, *route.accountItem)
		}
		if route.tabItem != nil {
			part := "/" + strings.Split(route.path, "/")[1]
			all.Tabs[part] = append(all.Tabs[part], *route.tabItem)
		}
	}
	return all
}
