// Package render has what every page needs: templates, assets and icons, the frame
// around a page, form fields, charts, and the reloading of all that in
// development. It knows no page and asks nobody who is signed in: the site fills
// in the user and the message, and hands over a finished page.
package render

import (
	"html/template"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"daypass/public"
	"daypass/views"
)

// Renderer shows pages. It is safe for concurrent use.
type Renderer struct {
	// Navigation is what the menu and the tabs are made from. It is set once,
	// before the first page.
	Navigation Navigation

	built   *Templates // as built into the binary
	brand   Brand
	problem string // under dev, file with what could not be built of it
	dev     string // root of a checkout that is read for each request, or empty
	started time.Time
}

// embedded are the templates of the binary by their brand: tests start hundreds of sites,
// and to read them is half of a start.
var embedded sync.Map

// New reads the templates and the assets, and fails when one of them can't be
// read. With dev, the root of a checkout, both are read for each request. The file
// problem has what could not be built of that checkout, if anything.
func New(dev, problem string, brand Brand) (*Renderer, error) {
	shared, there := embedded.Load(brand)
	if !there {
		loaded, err := loadTemplates(views.FS, public.FS, brand, packed)
		if err != nil {
			return nil, err
		}
		shared, _ = embedded.LoadOrStore(brand, loaded)
	}
	of := shared.(*Templates)
	return &Renderer{built: &Templates{assets: of.assets, views: of.views}, brand: brand, dev: dev, problem: problem, started: time.Now()}, nil
}

// Page answers with a page. It fills in the menus, the tabs and the breadcrumbs
// for the page's user and its address.
func (r *Renderer) Page(c *fiber.Ctx, view string, page Framed) error {
	templates, err := r.templates()
	if err != nil {
		return err
	}
	frame := page.Frame()
	if frame.User != nil {
		menus, err := templates.menusAt(r.Navigation, strings.Split(frame.Here, "?")[0], frame.User.IsAdmin())
		if err != nil {
			return err
		}
		frame.Menu, frame.AccountMenu, frame.Tabs = menus.menu, menus.account, menus.tabs
		if menus.above != nil {
			frame.Breadcrumbs = append([]NavItem{*menus.above}, frame.Breadcrumbs...)
		}
	}
	frame.Dev = templates.state
	answer := c.Response()
	answer.ResetBody()
	if err := templates.show(answer.BodyWriter(), view, page); err != nil {
		answer.ResetBody() // never half a page
		return err
	}
	answer.Header.SetContentType(fiber.MIMETextHTMLCharsetUTF8)
	return nil
}

// templates returns the templates and assets of the binary, or those that are on the disk now.
func (r *Renderer) templates() (*Templates, error) {
	if r.dev == "" {
		return r.built, nil
	}
	state, err := r.devState() // before they are read: what changes meanwhile is seen by the next request
	if err != nil {
		return nil, err
	}
	if wrong := r.buildError(); wrong != nil {
		wrong.state = state
		return nil, wrong
	}
	fresh, err := loadTemplates(os.DirFS(filepath.Join(r.dev, "views")), os.DirFS(filepath.Join(r.dev, "public")), r.brand, asIs)
	if wrong := r.ErrorIn(err); wrong != nil {
		wrong.state = state
	}
	if err != nil {
		return nil, err
	}
	fresh.state = state
	return fresh, nil
}

// Template returns the template of a view, or nil.
func (r *Renderer) Template(view string) *template.Template {
	return r.built.views.Templates.Lookup(view)
}
