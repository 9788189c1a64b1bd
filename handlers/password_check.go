package handlers

import (
	"sync"

	"github.com/gofiber/fiber/v2"

	"daypass/handlers/web"
	"daypass/models"
)

// passwordChecks bounds how many passwords are judged per second for each user. Whoever
// is refused one loses nothing: the password is judged again when the form is sent.
type passwordChecks struct {
	sync.Mutex
	second int64
	counts map[string]int // in this second, by the user's ID
}

func (p *passwordChecks) allow(userID string, now int64) bool {
	p.Lock()
	defer p.Unlock()
	if p.second != now {
		p.second, p.counts = now, make(map[string]int)
	}
	p.counts[userID]++
	return p.counts[userID] <= models.ChecksPerSecond
}

// checkPassword says what is wrong with a new password, while it is typed. Only those
// may ask who may set one: in a session, with a password link, or at the first start.
// It stores and logs nothing.
func (a *App) checkPassword(c *fiber.Ctx) error {
	user, err := a.userToSetPassword(c)
	if err != nil {
		return err
	}
	if !a.passwordChecks.allow(user.ID, a.db.Now().Unix()) {
		return fiber.ErrTooManyRequests
	}
	complaint, err := a.db.CheckPassword(c.UserContext(), web.Form(c, "password"), user.Name, user.FullName)
	if _, busy := mustWait(c, err); busy {
		return fiber.ErrTooManyRequests
	}
	if err != nil {
		return err
	}
	return a.json(c, map[string]string{"complaint": complaint})
}

// userToSetPassword returns the user whose password it is to be, without an ID at the
// first start. It returns ErrNotFound to those who may set none.
func (a *App) userToSetPassword(c *fiber.Ctx) (*models.User, error) {
	if session, err := a.sessions.Load(c); err == nil {
		return &session.User, nil
	} else if !isNotFound(err) {
		return nil, err
	}
	token := web.Form(c, "token")
	if user, err := a.db.UserOfPasswordToken(c.UserContext(), token); err == nil || !isNotFound(err) {
		return user, err
	}
	found, err := a.db.HasUsers(c.UserContext())
	if err != nil {
		return nil, err
	}
	if found || !a.opensSetup(token) {
		return nil, models.ErrNotFound
	}
	return &models.User{Name: web.Form(c, "username"), FullName: web.Form(c, "full_name")}, nil
}
