package handlers

import (
	"fmt"
	"strings"

	"daypass/models"
)

// SessionRow is a session as partials/session shows it.
type SessionRow struct {
	models.Session
	Icon    string
	Current bool         // the one that asks
	Whose   *models.User // who is signed in, where that is not plain
	End     string       // where to post to end it, where one may
}

func newSessionRow(session models.Session, mine *models.Session) SessionRow {
	icon := "monitor"
	for _, phone := range []string{"Android", "iOS", "Mobile"} {
		if strings.Contains(session.Browser, phone) {
			icon = "smartphone"
		}
	}
	return SessionRow{Session: session, Icon: icon, Current: session.ID == mine.ID}
}

// EventRow is an event as partials/event shows it.
type EventRow struct {
	models.Event
	Icon  string
	Tone  string // good, bad or neither
	Label string
}

// eventLabels says how each kind of event is shown.
var eventLabels = map[models.Kind]EventRow{
	models.SignedIn:         {Icon: "log-in", Tone: "good", Label: "Signed in"},
	models.SignInFailed:     {Icon: "triangle-alert", Tone: "bad", Label: "Failed sign-in"},
	models.SignedOut:        {Icon: "log-out", Label: "Signed out"},
	models.SessionEnded:     {Icon: "circle-x", Label: "Session ended"},
	models.SessionDisplaced: {Icon: "circle-x", Label: fmt.Sprintf("Session ended: more than %d", models.MaxSessions)},
	models.PasswordChanged:  {Icon: "key-round", Label: "Password changed"},
	models.UserAdded:        {Icon: "user-plus", Tone: "good", Label: "Account created"},
	models.UserDisabled:     {Icon: "ban", Tone: "bad", Label: "Account disabled"},
	models.UserInvited:      {Icon: "user-plus", Label: "Invited"},
	models.LinkMade:         {Icon: "key-round", Label: "Password link created"},
	models.RoleChanged:      {Icon: "shield", Label: "Role changed"},
	models.NameChanged:      {Icon: "user", Label: "Name changed"},
	models.DataDownloaded:   {Icon: "download", Label: "Data downloaded"},
	models.UserRemoved:      {Icon: "ban", Label: "Account removed"},
	models.AllSessionsEnded: {Icon: "circle-x", Label: "All sessions ended"},
	models.UserEnabled:      {Icon: "circle-check", Tone: "good", Label: "Account enabled"},
}

func newEventRows(events []models.Event) []EventRow {
	var shown []EventRow
	for _, event := range events {
		look, ok := eventLabels[event.Kind]
		if !ok { // written by another version
			look = EventRow{Icon: "info", Label: string(event.Kind)}
		}
		look.Event = event
		shown = append(shown, look)
	}
	return shown
}
