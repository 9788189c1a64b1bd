package handlers

import (
	"fmt"
	"strings"

	"daypass/models"
)

// ShownSession is a session as partials/session shows it.
type ShownSession struct {
	models.Session
	Icon    string
	Current bool         // the one that asks
	Whose   *models.User // who is signed in, where that is not plain
	End     string       // where to post to end it, where one may
}

func showSession(session models.Session, mine *models.Session) ShownSession {
	icon := "monitor"
	for _, phone := range []string{"Android", "iOS", "Mobile"} {
		if strings.Contains(session.Browser, phone) {
			icon = "smartphone"
		}
	}
	return ShownSession{Session: session, Icon: icon, Current: session.ID == mine.ID}
}

// ShownEvent is an event as partials/event shows it.
type ShownEvent struct {
	models.Event
	Icon string
	Mood string // good, bad or neither
	Said string
}

// looks says how each kind of event is shown.
var looks = map[models.Kind]ShownEvent{
	models.SignedIn:         {Icon: "log-in", Mood: "good", Said: "Signed in"},
	models.SignInFailed:     {Icon: "triangle-alert", Mood: "bad", Said: "Failed attempt to sign in"},
	models.SignedOut:        {Icon: "log-out", Said: "Signed out"},
	models.SessionEnded:     {Icon: "circle-x", Said: "Session ended"},
	models.SessionDisplaced: {Icon: "circle-x", Said: fmt.Sprintf("Session ended: more than %d", models.MaxSessions)},
	models.PasswordChanged:  {Icon: "key-round", Said: "Password changed"},
	models.UserAdded:        {Icon: "user-plus", Mood: "good", Said: "Account made"},
	models.UserDisabled:     {Icon: "ban", Mood: "bad", Said: "Account disabled"},
	models.UserInvited:      {Icon: "user-plus", Said: "Invited"},
	models.LinkMade:         {Icon: "key-round", Said: "Link to set the password made"},
	models.RoleChanged:      {Icon: "shield", Said: "Role changed"},
	models.NameChanged:      {Icon: "user", Said: "Name changed"},
	models.DataDownloaded:   {Icon: "download", Said: "Data downloaded"},
	models.UserRemoved:      {Icon: "ban", Said: "Account removed"},
	models.AllSessionsEnded: {Icon: "circle-x", Said: "All sessions ended"},
	models.UserEnabled:      {Icon: "circle-check", Mood: "good", Said: "Account enabled"},
}

func showEvents(events []models.Event) []ShownEvent {
	var shown []ShownEvent
	for _, event := range events {
		look, ok := looks[event.Kind]
		if !ok { // written by another version
			look = ShownEvent{Icon: "info", Said: string(event.Kind)}
		}
		look.Event = event
		shown = append(shown, look)
	}
	return shown
}
