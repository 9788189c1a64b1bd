package command

import (
	"fmt"

	"daypass/handlers/scaffold"
)

type newCommand struct {
	View newView `cmd:"" help:"Write a page: template, handler, test, and its lines in the map, the menu and the gallery."`
	App  newApp  `cmd:"" help:"Make a copy with its own name, module, title, cookie and variables."`
}

type newView struct {
	Name  string `arg:"" help:"What the page is called in its address, such as reading-list."`
	Admin bool   `help:"Make it a page of the administration."`
	Table string `placeholder:"COLUMNS" help:"Give it a table of its own with a form, such as \"title:text pages:number due_on:date done:bool\"."`
}

type newApp struct {
	Name   string `arg:"" help:"Of the binary, the cookie, the database and the variables, such as acme."`
	Module string `placeholder:"PATH" help:"The Go module, such as example.org/team/acme. (default: the name)"`
	Title  string `help:"What people read. (default: made from the name)"`
	Folder string `placeholder:"FOLDER" help:"Where to write it. (default: beside the checkout)"`
}

// Run writes a page, and says what to do next.
func (v *newView) Run(at console) error {
	checkout, err := scaffold.Open(".")
	if err != nil {
		return usageError{err}
	}
	view := scaffold.View{Name: v.Name, Admin: v.Admin}
	if v.Table != "" {
		if view.Columns, err = scaffold.ParseColumns(v.Table); err != nil {
			return usageError{err}
		}
	}
	files, err := view.Write(checkout)
	if err != nil {
		return err
	}
	for _, file := range files.New {
		fmt.Fprintln(at.out, "new     ", file)
	}
	for _, file := range files.Changed {
		fmt.Fprintln(at.out, "changed ", file)
	}
	fmt.Fprintf(at.out, `
Next: see the page at %s with
  go run . serve --dev
write what it shows into views/%s.html, and run its test with
  go test ./handlers
`, view.Path(), v.Name)
	return nil
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
The pictures of its README are still of the old name; these make new ones:
  go test -run HowItLooks -artifacts .
`, a.Name, folder, folder)
	return nil
}
