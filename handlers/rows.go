package handlers

import (
	"fmt"
	"strings"
	"time"

	"daypass/handlers/render"
	"daypass/models"
)

// SessionRow is what partials/session shows of a session.
type SessionRow struct {
	models.Session
	Icon     string
	Current  bool         // the session of this request
	Choose   bool         // with a checkbox, for partials/chosen
	Whose    *models.User // shown on lists with sessions of several users
	End      string       // where to post to end it; empty: no button
	Nameable bool         // with a link to name its device
	Back     string       // the page to show afterwards, if it is not the list of sessions
}

// OnDevice says where the session is: on the device that its user has named, or in a browser.
func (r SessionRow) OnDevice() string {
	if r.Named != "" {
		return "on " + r.Named
	}
	return "in " + r.Browser
}

func newSessionRow(session models.Session, mine *models.Session) SessionRow {
	icon := "monitor"
	for _, phone := range []string{"Android", "iPhone", "iPad", "iOS", "Mobile"} {
		if strings.Contains(session.Browser, phone) {
			icon = "smartphone"
		}
	}
	return SessionRow{Session: session, Icon: icon, Current: session.ID == mine.ID}
}

// EventRow is what partials/event shows of an event.
type EventRow struct {
	models.Event
	Icon  string
	Tone  string // good, bad or empty
	Label string
	InDay bool // below the heading of its day
	New   bool // a sign-in with a new browser: see joinNewBrowsers
}

// Day is what happened within a day of UTC.
type Day struct {
	At     models.Time // of its latest event
	Events []EventRow
}

// byDay groups events, newest first, by day.
func byDay(events []EventRow) (days []Day) {
	for _, event := range events {
		event.InDay = true
		if last := len(days) - 1; last < 0 || event.At.Format(time.DateOnly) != days[last].At.Format(time.DateOnly) {
			days = append(days, Day{At: event.At})
		}
		days[len(days)-1].Events = append(days[len(days)-1].Events, event)
	}
	return days
}

// eventLabels has the icon, tone and label of each kind of event.
var eventLabels = map[models.Kind]EventRow{
	models.SignedIn:             {Icon: "log-in", Tone: "good", Label: "Signed in"},
	models.SignInFailed:         {Icon: "triangle-alert", Tone: "bad", Label: "Failed sign-in"},
	models.PasswordRefused:      {Icon: "triangle-alert", Tone: "bad", Label: "Wrong password entered"},
	models.SecondFactorRefused:  {Icon: "triangle-alert", Tone: "bad", Label: "Second factor refused"},
	models.CodesStopped:         {Icon: "ban", Tone: "bad", Label: fmt.Sprintf("Codes no longer accepted: %d wrong ones", models.MaxWrongCodes)},
	models.CodesAllowed:         {Icon: "circle-check", Label: "Codes accepted again"},
	models.AppAdded:             {Icon: "smartphone", Tone: "good", Label: "Authenticator app added"},
	models.AppReplaced:          {Icon: "smartphone", Label: "Authenticator app replaced"},
	models.AppRemoved:           {Icon: "smartphone", Tone: "bad", Label: "Authenticator app removed"},
	models.RecoveryCodesMade:    {Icon: "key-round", Label: "Recovery codes created"},
	models.RecoveryCodesChecked: {Icon: "circle-check", Label: "Recovery code tested"},
	models.RecoveryCodeUsed:     {Icon: "triangle-alert", Tone: "bad", Label: "Recovery code used"},
	models.SecondFactorReset:    {Icon: "ban", Tone: "bad", Label: "Second factor reset"},
	models.PasskeyAdded:         {Icon: "key-round", Tone: "good", Label: "Passkey added"},
	models.PasskeyRenamed:       {Icon: "key-round", Label: "Passkey renamed"},
	models.PasskeyRemoved:       {Icon: "key-round", Tone: "bad", Label: "Passkey removed"},
	models.PasskeyCopied:        {Icon: "triangle-alert", Tone: "bad", Label: "Passkey may have been copied"},
	models.SignInUnfinished:     {Icon: "triangle-alert", Tone: "bad", Label: "Sign-in not finished: no second factor"},
	models.FactorsConfirmed:     {Icon: "circle-check", Label: "Change of second factors marked as yours"},
	models.FailuresAcknowledged: {Icon: "circle-check", Label: "Failed sign-ins marked as yours"},
	models.NewBrowser:           {Icon: "monitor", Label: "New browser"},
	models.NewBrowserConfirmed:  {Icon: "circle-check", Label: "New browser marked as yours"},
	models.SignedOut:            {Icon: "log-out", Label: "Signed out"},
	models.SessionEnded:         {Icon: "circle-x", Label: "Session ended"},
	models.SessionDisplaced:     {Icon: "circle-x", Label: fmt.Sprintf("Session ended: more than %d", models.MaxSessions)},
	models.PasswordChanged:      {Icon: "key-round", Label: "Password changed"},
	models.PasswordRemoved:      {Icon: "key-round", Tone: "bad", Label: "Password removed"},
	models.UserAdded:            {Icon: "user-plus", Tone: "good", Label: "Account created"},
	models.UserDisabled:         {Icon: "ban", Tone: "bad", Label: "Account disabled"},
	models.UserInvited:          {Icon: "user-plus", Label: "Invited"},
	models.PasswordTokenCreated: {Icon: "key-round", Label: "Password link created"},
	models.RoleChanged:          {Icon: "shield", Label: "Role changed"},
	models.NameChanged:          {Icon: "user", Label: "Name changed"},
	models.DataDownloaded:       {Icon: "download", Label: "Data downloaded"},
	models.UserRemoved:          {Icon: "ban", Label: "Account removed"},
	models.AllSessionsEnded:     {Icon: "circle-x", Label: "All sessions ended"},
	models.UserEnabled:          {Icon: "circle-check", Tone: "good", Label: "Account enabled"},
}

func newEventRows(events []models.Event) []EventRow {
	var shown []EventRow
	for _, event := range events {
		row, ok := eventLabels[event.Kind]
		if !ok { // written by another version of the program
			row = EventRow{Icon: "info", Label: string(event.Kind)}
		}
		row.Event = event
		shown = append(shown, row)
	}
	return shown
}

// rowsOfOneUser returns the rows of events that all are of one user, who is not named in each.
func rowsOfOneUser(events []models.Event) []EventRow {
	rows := newEventRows(events)
	for i := range rows {
		rows[i].Name = ""
	}
	return rows
}

// joinNewBrowsers shows a sign-in with a new browser as one row, not as two.
func joinNewBrowsers(rows []EventRow) (joined []EventRow) {
	for _, row := range rows {
		if last := len(joined) - 1; row.Kind == models.NewBrowser && last >= 0 {
			signIn := &joined[last]
			if signIn.Kind == models.SignedIn && signIn.Browser == row.Browser && signIn.Address == row.Address && signIn.At.Sub(row.At.Time) <= time.Second {
				signIn.New = true
				continue
			}
		}
		joined = append(joined, row)
	}
	return joined
}

// signInChart makes a chart of counted sign-ins; each slot lasts a span.
func signInChart(title, unit string, span render.Span, counted []models.SignInCount) render.Chart {
	chart := render.Chart{Title: title, Unit: unit, Series: []render.Series{{Name: "Signed in"}, {Name: "Failed", Tone: "bad"}}}
	for _, count := range counted {
		chart.Slots = append(chart.Slots, span.Slot(count.From.Time, count.Succeeded, count.Failed))
	}
	return chart
}
