package handlers

import (
	"runtime"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/gofiber/fiber/v2"

	"daypass/handlers/render"
	"daypass/models"
)

// AdminPage shows the state of the installation.
type AdminPage struct {
	render.Page
	Version string
	Go      string
	Uptime  string
	Size    string
	Node    string // name of the server, if there may be several
	System  models.System
	Failed  int // sign-ins, as far as the chart goes back, on all servers
	Chart   render.Chart
}

func (a *App) system(c *fiber.Ctx) error {
	system, err := a.db.System(c.UserContext())
	if err != nil {
		return err
	}
	counted, err := a.db.CountSignIns(c.UserContext(), nil, time.Hour, 24)
	if err != nil {
		return err
	}
	failed := 0
	for _, hour := range counted {
		failed += hour.Failed
	}
	return a.render(c, "admin", &AdminPage{
		Page: render.Page{Title: "System"}, Version: a.Version, Go: runtime.Version(), Node: a.Node, System: system, Failed: failed,
		Uptime: strings.TrimSpace(humanize.RelTime(a.started, time.Now(), "", "")), Size: humanize.IBytes(uint64(system.Size)),
		Chart: signInChart("Sign-ins, last 24 hours", "Hour (UTC)", render.Hour, counted),
	})
}
