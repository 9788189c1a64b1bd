package handlers

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/gofiber/fiber/v2"

	"daypass/handlers/web"
	"daypass/models"
)

// heartbeat is how often the stream sends a comment, so that either side notices
// when the other is gone.
const heartbeat = 25 * time.Second

// eventsAddress is where a page that was made for a session learns of its end.
func eventsAddress(session *models.Session) string {
	return "/session/watch?" + url.Values{"session": {session.ID}, "user": {session.User.ID}}.Encode()
}

// sessionEvents tells an open page when its session ends (server-sent events, HTML
// standard, section 9.2). A page names the session that it was made for: when another
// session of the same user has taken its place, the page stays and watches that one. A
// browser that loses the connection asks again.
func (a *App) sessionEvents(c *fiber.Ctx) error {
	session, err := a.sessions.Load(c)
	if err != nil && !isNotFound(err) {
		return err
	}
	c.Set(fiber.HeaderContentType, "text/event-stream")
	c.Set("X-Accel-Buffering", "no") // a proxy must not hold it back
	const tellEnded = "event: ended\ndata: \n\n"
	named := web.Query(c, "session")
	if err == nil && named != "" && named != session.ID && web.Query(c, "user") == session.User.ID {
		next, err := json.Marshal([]any{eventsAddress(session), session.Expires.UnixMilli()})
		if err != nil {
			return err
		}
		return c.SendString("event: renewed\ndata: " + string(next) + "\n\n")
	}
	if err != nil || named != "" && named != session.ID {
		return c.SendString(tellEnded)
	}
	if c.Method() == fiber.MethodHead {
		return nil
	}
	ended, stop, ok := a.db.Watch(session)
	if !ok {
		return fiber.ErrTooManyRequests // the page asks again later
	}
	connection := c.Context().Conn()
	c.Context().SetConnectionClose()
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer stop()
		gone := make(chan struct{})
		go func() { // notice when the page is closed, to free its place
			defer close(gone)
			connection.SetReadDeadline(time.Time{})
			connection.Read(make([]byte, 1))
		}()
		send := func(text string) bool {
			connection.SetWriteDeadline(time.Now().Add(web.WriteTimeout))
			fmt.Fprint(w, text)
			return w.Flush() == nil
		}
		if !send("retry: 1000\n\n") {
			return
		}
		beat := time.NewTicker(heartbeat)
		defer beat.Stop()
		for {
			select {
			case <-a.stopping:
				return // the page asks again, and finds the next process
			case <-gone:
				return
			case <-ended:
				send(tellEnded)
				return
			case <-beat.C:
				if !send(":\n\n") {
					return
				}
			}
		}
	})
	return nil
}
