package handlers

// routes is the map of the site, matched from top to bottom. A Use guards every
// line below it, so a page is as private as the place where it stands.
func (a *App) routes() {
	a.Use(a.secureHeaders, a.sameOrigin)

	// Anyone, also before there is a user.
	a.Get("/public/:name", a.asset)
	a.Get("/healthz", a.healthz)
	a.Get("/setup", a.showSetup)
	a.Post("/setup", a.setUp)

	// Anyone, once there is one.
	a.Use(a.requireUsers)
	a.Get("/login", a.showLogin)
	a.Post("/login", a.login)
	a.Get("/login/forget.svg", a.forget)
	a.Get("/link", a.showSetPassword)
	a.Post("/link", a.setPassword)

	// Whoever is signed in; unknown paths too.
	a.Use(a.requireSession)
	a.Get("/", a.home)
	a.Get("/dashboard", a.dashboard)
	a.Get("/session/watch", a.watch)
	a.Get("/sessions", a.ownSessions)
	a.Post("/sessions/end", a.endOtherSessions)
	a.Post("/sessions/:id/end", a.endOwnSession)
	a.Get("/activity", a.activity)
	a.Get("/activity.csv", a.activityFile)
	a.Get("/account", a.account)
	a.Get("/account/data.json", a.accountData)
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
	a.Post("/admin/users/:id/:act", a.changeUser)
	a.Get("/admin/sessions", a.allSessions)
	a.Post("/admin/sessions/end", a.endEverySession)
	a.Post("/admin/sessions/:id/end", a.endAnySession)
	a.Get("/admin/activity", a.allActivity)
	a.Get("/admin/activity.csv", a.allActivityFile)
}
