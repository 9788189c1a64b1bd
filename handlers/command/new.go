package command

import (
	"fmt"

	"daypass/handlers/scaffold"
)

type newCommand struct {
	View newView `cmd:"" help:"Write a page: template, handler, test, and its lines in the routes, the menu and the gallery."`
	Icon newIcon `cmd:"" help:"Add icons of Lucide to those that pages can show."`
	App  newApp  `cmd:"" help:"Copy this project under a new name."`
}

type newView struct {
	Name  string `arg:"" help:"The name of the page in its address, such as reading-list."`
	Admin bool   `help:"Make it an administration page."`
	Icon  string `placeholder:"NAME" help:"Its icon in the menu, one of lucide.dev. (default: list)"`

	Table  string `placeholder:"COLUMNS" help:"Give it a table of its own, with a list and a form, such as \"title:text due_on:date done:bool\". See daypass help extend for the types of columns."`
	Search bool   `help:"With --table: a field that searches the list, and one to filter by each choice."`
	Sort   bool   `help:"With --table: headings that sort the list."`
	Detail bool   `help:"With --table: a page for each row, which also lists the rows of other pages that refer to it."`
	Chart  string `placeholder:"COLUMN" help:"With --table: a chart of how many rows have a date of each month in this column."`
}

type newIcon struct {
	Names []string `arg:"" name:"name" help:"The name of the icon at lucide.dev, such as truck. A name that is none lists those that come near."`
}

type newApp struct {
	Name   string `arg:"" help:"The name of the binary, the cookie, the database and the variables, such as acme."`
	Module string `placeholder:"PATH" help:"The Go module, such as example.org/team/acme. (default: the name)"`
	Title  string `help:"The name that people see. (default: made from the name)"`
	Folder string `placeholder:"FOLDER" help:"Where to write it. (default: beside the checkout)"`
}

// Run writes a page, and says what to do next.
func (v *newView) Run(at console) error {
	checkout, err := scaffold.Open(".")
	if err != nil {
		return usageError{err}
	}
	view := scaffold.View{Name: v.Name, Admin: v.Admin, Icon: v.Icon, Search: v.Search, Sort: v.Sort, Detail: v.Detail, Chart: v.Chart}
	if v.Table != "" {
		if view.Columns, err = scaffold.ParseColumns(v.Table); err != nil {
			return usageError{err}
		}
	}
	files, err := view.Write(checkout)
	if err != nil {
		return err
	}
	at.printFiles(files)
	fmt.Fprintf(at.out, `
Next: look at the page at %s,
  go run . serve --dev
write its template, views/%s.html, and run its test:
  go test ./handlers
`, view.Path(), v.Name)
	return nil
}

// Run adds icons.
func (i *newIcon) Run(at console) error {
	checkout, err := scaffold.Open(".")
	if err != nil {
		return usageError{err}
	}
	files, err := scaffold.AddIcons(checkout, i.Names...)
	if err != nil {
		return err
	}
	at.printFiles(files)
	for _, name := range i.Names {
		fmt.Fprintf(at.out, "A template shows it with {{icon %q}}.\n", name)
	}
	return nil
}

func (at console) printFiles(files scaffold.Files) {
	for _, file := range files.New {
		fmt.Fprintln(at.out, "new     ", file)
	}
	for _, file := range files.Changed {
		fmt.Fprintln(at.out, "changed ", file)
	}
}

// Run makes the copy, and says what to do next.
func (a *newApp) Run(at console) error {
	checkout, err := scaffold.Open(".")
	if err != nil {
		return usageError{err}
	}
	folder, err := scaffold.App{Name: a.Name, Module: a.Module, Title: a.Title, Folder: a.Folder}.Write(checkout)
	if err != nil {
		return err
	}
	fmt.Fprintf(at.out, `%s is in %s. Next:
  cd %s
  go test ./...
  go run .
The pictures in its README still show the old name. This makes new ones:
  go test -run HowItLooks -artifacts ./handlers
`, a.Name, folder, folder)
	return nil
}
