package handlers

import (
	"sync"

	"github.com/gofiber/fiber/v2"

	"daypass/handlers/web"
	"daypass/models"
)

// passwordChecks bounds the rate of judgements, for all together. Whoever is refused
// one loses nothing: the password is judged again when the form is sent.
type passwordChecks struct {
	sync.Mutex
	second int64
	count  int
}

func (p *passwordChecks) allow(now int64) bool {
	p.Lock()
	defer p.Unlock()
	if p.second != now {
		p.second, p.count = now, 0
	}
	p.count++
	return p.count <= models.ChecksPerSecond
}

// checkPassword says what is wrong with a new password, while it is typed. Only those
// may ask who may set one: in a session, with a password link, or at the first start.
// It stores and logs nothing.
func (a *App) checkPassword(c *fiber.Ctx) error {
	names, err := a.namesForPassword(c)
	if err != nil {
		return err
	}
	if !a.passwordChecks.allow(a.db.Now().Unix()) {
		return fiber.ErrTooManyRequests
	}
	complaint, err := a.db.CheckPassword(c.UserContext(), web.Form(c, "password"), names...)
	if _, busy := mustWait(c, err); busy {
		return fiber.ErrTooManyRequests
	}
	if err != nil {
		return err
	}
	return a.json(c, map[string]string{"complaint": complaint})
}

// namesForPassword returns the names of the user whose password it is to be. It
// returns ErrNotFound to those who may set none.
func (a *App) namesForPassword(c *fiber.Ctx) ([]string, error) {
	if session, err := a.sessions.Load(c); err == nil {
		return []string{session.User.Name, session.User.FullName}, nil
	} else if !isNotFound(err) {
		return nil, err
	}
	token := web.Form(c, "token")
	if user, err := a.db.UserOfPasswordToken(c.UserContext(), token); err == nil {
		return []string{user.Name, user.FullName}, nil
	} else if !isNotFound(err) {
		return nil, err
	}
	found, err := a.db.HasUsers(c.UserContext())
	if err != nil {
		return nil, err
	}
	if found || !a.opensSetup(token) {
		return nil, models.ErrNotFound
	}
	return []string{web.Form(c, "username"), web.Form(c, "full_name")}, nil
}
