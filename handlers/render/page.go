package render

import (
	"html/template"
	"strings"

	"daypass/models"
)

// Page is what the layout shows around every page. A page's struct embeds it
// and says its title; render fills in the rest.
type Page struct {
	Title string
	// User is who is signed in, or nil.
	User *models.User
	// Flash is a message that is shown once.
	Flash string
	// Menu are the pages that this user may open, and Tabs those of this part of
	// the site, if it has several.
	Menu, Tabs template.HTML
	// Watch is where the page learns that its session has ended.
	Watch string
	// Dev is what the page was made from, under --dev; else nothing.
	Dev string
}

// Frame returns the page itself, for what fills it in.
func (p *Page) Frame() *Page { return p }

// Framed is a struct that embeds Page.
type Framed interface{ Frame() *Page }

// NavItem is an entry of the navigation.
type NavItem struct {
	Path    string
	Label   string
	Icon    string // name of a Lucide icon in public/icons.svg
	Current bool
	Admin   bool // only administrators may open it
}

// Navigation is what menus are made from.
type Navigation struct {
	Menu []NavItem
	Tabs map[string][]NavItem // the pages of a part of the site, by the path of that part
}

// menu shows the menu and the tabs as they stand on a page. They are always the
// same for the same role and place, and made once.
func (l *Templates) menu(navigation Navigation, path string, admin bool) (menu, part template.HTML, err error) {
	place := place{admin: admin}
	for _, link := range navigation.Menu {
		if within(path, link.Path) && (admin || !link.Admin) {
			place.page = link.Path
		}
	}
	for _, tab := range navigation.Tabs[place.page] {
		if path == tab.Path || tab.Path != place.page && within(path, tab.Path) {
			place.tab = tab.Path
		}
	}
	if shown, ok := l.menus.Load(place); ok {
		both := shown.([2]template.HTML)
		return both[0], both[1], nil
	}
	if menu, err = l.links(navigation.Menu, place.page, admin); err != nil {
		return "", "", err
	}
	if part, err = l.links(navigation.Tabs[place.page], place.tab, admin); err != nil {
		return "", "", err
	}
	l.menus.Store(place, [2]template.HTML{menu, part})
	return menu, part, nil
}

// place is what a menu depends on.
type place struct {
	admin     bool
	page, tab string // the current ones
}

// links shows those links that a role may see.
func (l *Templates) links(all []NavItem, current string, admin bool) (template.HTML, error) {
	var seen []NavItem
	for _, link := range all {
		if admin || !link.Admin {
			link.Current = link.Path == current
			seen = append(seen, link)
		}
	}
	if len(seen) == 0 {
		return "", nil
	}
	var shown strings.Builder
	err := l.show(&shown, "layouts/menu", seen)
	return template.HTML(shown.String()), err
}

// within tells whether a path is a page or below it.
func within(path, page string) bool { return path == page || strings.HasPrefix(path, page+"/") }
