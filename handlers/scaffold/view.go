package scaffold

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"go/token"
	"net/url"
	"slices"
	"strings"
	"text/template"
)

// View is a page that is to be written.
type View struct {
	Name    string // of its files and, below a slash, of its address: lower-case words separated by dashes
	Admin   bool   // for administrators alone, below /admin
	Icon    string // in the menu; one of Lucide's
	Columns []Column
	Search  bool   // a field that searches the list
	Sort    bool   // headings that sort the list
	Detail  bool   // a page for each row
	Chart   string // a column of dates; rows are counted by its months
}

// Path is the page's address.
func (v View) Path() string {
	if v.Admin {
		return "/admin/" + v.Name
	}
	return "/" + v.Name
}

//go:embed templates/*.tmpl
var templates embed.FS

// Write writes the page's files, and its lines in the table of routes and in the
// gallery of the tests. It refuses names that are taken.
func (v View) Write(checkout Checkout) (Files, error) {
	if !viewName.MatchString(v.Name) {
		return Files{}, fmt.Errorf("%q is no name for a page: use lower-case letters, digits and dashes, as in reading-list", v.Name)
	}
	module, err := checkout.module()
	if err != nil {
		return Files{}, err
	}
	w := v.words(module)
	for _, name := range []string{w.Func, w.OneFunc} {
		if token.IsKeyword(name) || slices.Contains(reserved, name) {
			return Files{}, fmt.Errorf("the page %s can't have that name, since %s means something else in Go code; choose another one, such as my-%s", v.Name, name, v.Name)
		}
	}
	if !hasPlainFile(v.Name) {
		return Files{}, fmt.Errorf("to Go the end of %s means a test or a system; choose another name", v.Name)
	}
	if err := w.namesAreFree(checkout); err != nil {
		return Files{}, err
	}
	if err := v.checkOptions(); err != nil {
		return Files{}, err
	}
	if err := w.findTargets(checkout); err != nil {
		return Files{}, err
	}
	parsed, err := template.New("").Delims("[[", "]]").Funcs(template.FuncMap{"inc": func(i int) int { return i + 1 }, "label": choiceLabel, "query": url.QueryEscape}).ParseFS(templates, "templates/*.tmpl")
	if err != nil {
		return Files{}, err
	}
	file := strings.ReplaceAll(v.Name, "-", "_")
	sources := map[string]string{"views/" + v.Name + ".html": "page.html", "handlers/" + file + ".go": "page.go", "handlers/" + file + "_test.go": "page_test.go"}
	if len(v.Columns) > 0 {
		number, err := checkout.nextMigration()
		if err != nil {
			return Files{}, err
		}
		migration := fmt.Sprintf("models/database/migrations/%05d_%s.sql", number, w.Table)
		sources = map[string]string{
			"views/" + v.Name + ".html": "table.html", "handlers/" + file + ".go": "table.go", "handlers/" + file + "_test.go": "table_test.go",
			"models/" + file + ".go": "model.go", migration: "migration.sql", "views/" + v.Name + "-form.html": "form.html",
		}
		if v.Detail {
			sources["views/"+v.Name+"-detail.html"] = "detail.html"
		}
	}
	draft := newDraft(checkout)
	for file, source := range sources {
		var content bytes.Buffer
		if err := parsed.ExecuteTemplate(&content, source+".tmpl", w); err != nil {
			return Files{}, err
		}
		if source == "migration.sql" {
			if err := tryOut(content.String()); err != nil {
				return Files{}, err
			}
			if err := w.checkPostgres(); err != nil {
				return Files{}, err
			}
		}
		if err := draft.add(file, content.Bytes()); err != nil {
			return Files{}, err
		}
	}
	edits := map[string]func([]byte) ([]byte, error){"handlers/routes.go": w.addRoutes, "handlers/gallery_test.go": w.addStates}
	for _, c := range w.Refs() {
		if !c.Target.Detail {
			continue
		}
		var section bytes.Buffer
		if err := parsed.ExecuteTemplate(&section, "section.html.tmpl", struct {
			words
			Ref column
		}{w, c}); err != nil {
			return Files{}, err
		}
		edits["handlers/"+strings.ReplaceAll(c.Page, "-", "_")+".go"] = func(content []byte) ([]byte, error) { return w.addRows(content, c) }
		edits["views/"+c.Page+"-detail.html"] = func(content []byte) ([]byte, error) {
			const end = `{{template "layouts/end" .}}`
			if bytes.Count(content, []byte(end)) != 1 {
				return nil, fmt.Errorf("there is not one line %s to add the %s before", end, w.Words)
			}
			return bytes.Replace(content, []byte(end), append(section.Bytes(), end...), 1), nil
		}
	}
	for file, edit := range edits {
		if err := draft.change(file, edit); err != nil {
			return Files{}, err
		}
	}
	if err := draft.addIcons(w.Icon); err != nil {
		return Files{}, err
	}
	return draft.write()
}

// checkOptions refuses options that need a table, or columns that it lacks.
func (v View) checkOptions() error {
	has := func(kinds ...string) bool {
		return slices.ContainsFunc(v.Columns, func(c Column) bool { return slices.Contains(kinds, c.Kind) })
	}
	switch {
	case len(v.Columns) == 0 && (v.Search || v.Sort || v.Detail || v.Chart != ""):
		return errors.New("--search, --sort, --detail and --chart need a --table")
	case v.Search && !has("text", "email", "longtext", "number"):
		return errors.New("--search needs a column of type text, longtext, email or number")
	case v.Chart != "" && !slices.ContainsFunc(v.Columns, func(c Column) bool { return c.Name == v.Chart && c.Kind == "date" }):
		return fmt.Errorf("--chart %s: the table has no column %s of type date, by whose months rows could be counted", v.Chart, v.Chart)
	}
	return nil
}
