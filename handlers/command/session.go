package command

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"daypass/models"
)

type sessionCommand struct {
	List sessionList `cmd:"" help:"List the live sessions."`
	End  sessionEnd  `cmd:"" help:"End one session, all sessions of a user, or all sessions."`
}

type sessionList struct {
	User string `placeholder:"NAME" help:"Only sessions of this user."`
	JSON bool   `name:"json" help:"Print JSON."`
}

type sessionEnd struct {
	ID   string `arg:"" optional:"" help:"The ID of the session, from the list."`
	User string `placeholder:"NAME" help:"All sessions of this user."`
	All  bool   `help:"All sessions of everyone."`
}

func (s *sessionList) Run(ctx context.Context, at console) error {
	if s.User != "" {
		return at.withUser(ctx, s.User, func(db *models.DB, user *models.User) error {
			sessions, _, err := db.SessionsOf(ctx, user, math.MaxInt32)
			if err != nil {
				return err
			}
			return s.print(at, sessions)
		})
	}
	return at.withDatabase(ctx, false, func(db *models.DB) error {
		sessions, err := db.SearchSessions(ctx, models.SessionFilter{}, math.MaxInt32)
		if err != nil {
			return err
		}
		return s.print(at, sessions)
	})
}

func (s *sessionList) print(at console, sessions []models.Session) error {
	if s.JSON {
		type session struct {
			ID      string    `json:"id"`
			User    string    `json:"user"`
			Address string    `json:"address"`
			Browser string    `json:"browser"`
			Method  string    `json:"method"`
			Created time.Time `json:"created"`
			Seen    time.Time `json:"seen"`
			Expires time.Time `json:"expires"`
		}
		listed := []session{}
		for _, s := range sessions {
			listed = append(listed, session{s.ID, s.User.Name, s.Address, s.Browser, string(s.Method), s.Created.Time, s.Seen.Time, s.Expires.Time})
		}
		return at.printJSON(listed)
	}
	rows := [][]string{{"ID", "USER", "ADDRESS", "BROWSER", "METHOD", "SEEN", "EXPIRES"}}
	for _, s := range sessions {
		rows = append(rows, []string{s.ID, s.User.Name, s.Address, s.Browser, string(s.Method), s.Seen.Format(time.DateTime), s.Expires.Format(time.DateTime)})
	}
	return at.printTable(rows)
}

func (s *sessionEnd) Run(ctx context.Context, at console) error {
	chosen := 0
	for _, given := range []bool{s.ID != "", s.User != "", s.All} {
		if given {
			chosen++
		}
	}
	if chosen != 1 {
		return usageError{errors.New("give the ID of a session, --user NAME or --all")}
	}
	ended := func(count int64) { fmt.Fprintf(at.out, "Sessions ended: %d\n", count) }
	if s.User != "" {
		return at.withUser(ctx, s.User, func(db *models.DB, user *models.User) error {
			count, err := db.EndSessionsOf(ctx, user, models.CommandLine)
			if err == nil {
				ended(count)
			}
			return err
		})
	}
	return at.withDatabase(ctx, false, func(db *models.DB) error {
		if s.All {
			count, err := db.EndAllSessions(ctx, models.CommandLine)
			if err == nil {
				ended(count)
			}
			return err
		}
		session, err := db.Session(ctx, s.ID)
		if err == nil {
			err = db.EndSession(ctx, session, models.CommandLine)
		}
		if errors.Is(err, models.ErrNotFound) {
			return fmt.Errorf("there is no session %q; see: daypass session list", s.ID)
		}
		if err == nil {
			ended(1)
		}
		return err
	})
}
