package handlers

import (
	"fmt"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"daypass/handlers/render"
	"daypass/handlers/web"
	"daypass/models"
)

// How many rows a card on a page lists. It links to the page with all of them.
const (
	activityShown = 8
	sessionsShown = 3
)

// DashboardPage is the first page after signing in: this session, the user's
// other sessions, and recent activity.
type DashboardPage struct {
	render.Page
	Session   *models.Session // this one
	Left      int             // percent of the session's time
	Remaining string          // the same in words
	Others    []SessionRow
	More      int // sessions that are not listed
	Attention models.Attention
	Alarms    []EventRow     // that the user is asked about
	Due       *FactorDue     // until when a second factor that is required has to be there; nil: none is owed
	Factors   models.Factors // what there is
	Chart     render.Chart
	Activity  []EventRow
}

// All is how many sessions the user has, with this one.
func (p *DashboardPage) All() int { return 1 + len(p.Others) + p.More }

// home redirects from / to the dashboard.
func (a *App) home(c *fiber.Ctx) error { return c.Redirect("/dashboard", fiber.StatusSeeOther) }

func (a *App) dashboard(c *fiber.Ctx) error {
	session := sessionOf(c)
	page := &DashboardPage{Page: render.Page{Title: "Dashboard"}, Session: session, Left: a.percentLeft(session), Remaining: remaining(session.Expires.Sub(a.db.Now()))}
	others, more, err := a.db.OtherSessions(c.UserContext(), session, sessionsShown)
	if err != nil {
		return err
	}
	page.More = more
	for _, other := range others {
		page.Others = append(page.Others, newSessionRow(other, session))
	}
	events, err := a.db.Events(c.UserContext(), models.EventFilter{UserID: session.User.ID}, 2*activityShown)
	if err != nil {
		return err
	}
	page.Activity = joinNewBrowsers(rowsOfOneUser(events))
	page.Activity = page.Activity[:min(len(page.Activity), activityShown)]
	if page.Attention, err = a.db.NeedsAttention(c.UserContext(), session); err != nil {
		return err
	}
	page.Alarms = rowsOfOneUser(page.Attention.Alarms)
	page.Due = a.factorDue(&session.User)
	if page.Factors, err = a.db.FactorsOf(c.UserContext(), &session.User); err != nil {
		return err
	}
	counted, err := a.db.CountSignIns(c.UserContext(), &session.User, 24*time.Hour, 14)
	if err != nil {
		return err
	}
	page.Chart = signInChart("Your sign-ins, last 14 days", "Day (UTC)", render.Day, counted)
	return a.render(c, "dashboard", page)
}

// acknowledge records that what the dashboard warns of was the user: a sign-in with a
// new browser or a change to the second factors, or else the failed sign-ins.
func (a *App) acknowledge(c *fiber.Ctx) error {
	shown, _ := strconv.Atoi(web.Form(c, "shown"))
	var err error
	if event := web.Form(c, "event"); event != "" {
		err = a.db.AnswerAlarm(c.UserContext(), sessionOf(c), event, a.TrustedProxies.Client(c))
	} else {
		err = a.db.Acknowledge(c.UserContext(), sessionOf(c), shown, a.TrustedProxies.Client(c))
	}
	if isNotFound(err) {
		return a.redirectWithMessage(c, "This has changed since the page was shown. Please look again.", "/dashboard")
	}
	if err != nil {
		return err
	}
	return a.redirectWithMessage(c, "You won't be reminded of that again. It stays in your activity.", "/dashboard")
}

// percentLeft tells how much of a session's time is left, rounded up.
func (a *App) percentLeft(session *models.Session) int {
	whole := session.Expires.Sub(session.Created.Time)
	left := session.Expires.Sub(a.db.Now())
	return int((100*left + whole - 1) / whole)
}

// remaining says a time in hours and minutes, rounded up.
func remaining(left time.Duration) string {
	minutes := int((left + time.Minute - 1) / time.Minute)
	if minutes < 60 {
		return fmt.Sprintf("%d min", minutes)
	}
	return fmt.Sprintf("%d h %d min", minutes/60, minutes%60)
}
