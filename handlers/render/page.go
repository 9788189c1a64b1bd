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
	// Problem is why the request was refused, when that is not about a single field.
	// Clients that take JSON get it as the detail of the error.
	Problem string
	// Menu are the pages that this user may open, AccountMenu those about the user,
	// and Tabs those of this part of the site, if it has several.
	Menu, AccountMenu, Tabs template.HTML
	// Breadcrumbs are the pages above this one. A page says those between itself and
	// the one in the menu or the tabs, if there are any.
	Breadcrumbs []NavItem
	// Crumb is what they call this page, when that isn't its title.
	Crumb string
	// Here is the address of the page, for forms that lead back to it.
	Here string
	// Events is the address of the stream that tells the page when its session ends.
	Events string
	// Ends is when that is, at the latest (RFC 3339).
	Ends string
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
	Menu    []NavItem
	Account []NavItem            // the menu of the user's own account
	Tabs    map[string][]NavItem // the pages of a part of the site, by the path of that part
}

// menus are the menus and the tabs of a page, and the entry that the page is below of,
// if it has no entry itself.
type menus struct {
	menu, account, tabs template.HTML
	above               *NavItem
}

// menusAt shows the menus of a page. They are always the same for the same role and
// place, and made once.
func (l *Templates) menusAt(navigation Navigation, path string, admin bool) (menus, error) {
	place := place{admin: admin}
	above := place.find(navigation, path)
	made, ok := l.menus.Load(place)
	if !ok {
		var new menus
		for _, made := range []struct {
			to      *template.HTML
			items   []NavItem
			current string
		}{
			{&new.menu, navigation.Menu, place.page},
			{&new.account, navigation.Account, place.page},
			{&new.tabs, navigation.Tabs[place.page], place.tab},
		} {
			var err error
			if *made.to, err = l.links(made.items, made.current, admin); err != nil {
				return menus{}, err
			}
		}
		l.menus.Store(place, new)
		made = new
	}
	shown := made.(menus)
	shown.above = above
	return shown, nil
}

// place is what a menu depends on.
type place struct {
	admin     bool
	page, tab string // the current ones
}

// find says where in the navigation a path is. It returns the item that the path is
// below of, or nil.
func (p *place) find(navigation Navigation, path string) (above *NavItem) {
	for _, items := range [][]NavItem{navigation.Menu, navigation.Account} {
		for i, item := range items {
			if within(path, item.Path) && (p.admin || !item.Admin) {
				p.page, above = item.Path, &items[i]
			}
		}
	}
	for i, tab := range navigation.Tabs[p.page] {
		if path == tab.Path || tab.Path != p.page && within(path, tab.Path) {
			p.tab, above = tab.Path, &navigation.Tabs[p.page][i]
		}
	}
	if above != nil && above.Path == path {
		return nil
	}
	return above
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
