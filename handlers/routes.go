package handlers

// routes is the map of the site, matched from top to bottom. A Use guards every
// line below it, so a page is as private as the place where it stands. A page
// that needs no session says so: anyone; and so does what is no page: notPage.
func (a *App) routes() {
	a.Use(a.secureHeaders, a.sameOrigin, a.requireForm)

	// Anyone, also before there is a user.
	a.Get("/public/:name", anyone, notPage, a.asset)
	a.Use(a.requireDatabase)
	a.Get("/healthz", anyone, notPage, a.healthz)
	if a.Dev != "" {
		a.Get("/dev/state", anyone, notPage, a.showDevState)
	}
	a.Get("/setup", anyone, a.showSetup)
	a.Post("/setup", anyone, a.setUp)

	// Anyone, once there is one.
	a.Use(a.requireUsers)
	a.Get("/login", anyone, a.showLogin)
	a.Post("/login", anyone, a.login)
	a.Get("/login/forget.svg", anyone, notPage, a.forget)
	a.Get("/link", anyone, a.showSetPassword)
	a.Post("/link", anyone, a.setPassword)
	a.Get("/session/watch", anyone, notPage, a.watch)

	// Whoever is signed in; unknown paths too.
	a.Use(a.requireSession)
	a.Get("/", a.home)
	a.Get("/dashboard", a.kept, a.dashboard)
	a.Get("/sessions", a.kept, a.ownSessions)
	a.Post("/sessions/end", a.endOtherSessions)
	a.Post("/sessions/:id/end", a.endOwnSession)
	a.Get("/activity", a.kept, a.activity)
	a.Get("/activity.csv", notPage, a.activityFile)
	a.Get("/account", a.kept, a.account)
	a.Get("/account/data.json", a.toAccount)
	a.Post("/account/data.json", a.accountData)
	a.Post("/account/name", a.changeName)
	a.Post("/account/password", a.changePassword)
	a.Post("/account/remove", a.removeAccount)
	a.Post("/logout", a.logout)

	// Administrators.
	a.Use("/admin", a.requireAdmin, a.requireRecent)
	a.Get("/admin", a.system)
	a.Get("/admin/users", a.users)
	a.Get("/admin/users/new", a.showInvite)
	a.Post("/admin/users/new", a.invite)
	a.Get("/admin/users/:id", a.user)
	a.Get("/admin/users/:id/link", a.showLink)
	a.Post("/admin/users/:id/:act", a.changeUser)
	a.Get("/admin/sessions", a.allSessions)
	a.Post("/admin/sessions/end", a.endEverySession)
	a.Post("/admin/sessions/:id/end", a.endAnySession)
	a.Get("/admin/activity", a.allActivity)
	a.Get("/admin/activity.csv", notPage, a.allActivityFile)
}
