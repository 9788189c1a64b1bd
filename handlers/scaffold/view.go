package scaffold

import (
	"bytes"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"text/template"

	_ "github.com/mattn/go-sqlite3" // tries out the migration
)

// View is a page that is to be written.
type View struct {
	Name    string // of its files and, below a slash, of its address: lower-case words parted by dashes
	Admin   bool   // for administrators alone, below /admin
	Columns []Column
}

// Path is the page's address.
func (v View) Path() string {
	if v.Admin {
		return "/admin/" + v.Name
	}
	return "/" + v.Name
}

// Column is a column of the page's own table, and a field of its form.
type Column struct {
	Name string // letters, digits and underscores
	Kind string // text, number, date or bool
}

var kinds = map[string]struct{ sql, input, sample, other string }{
	"text":   {"TEXT", "text", "A first text", "Another text"},
	"number": {"BIGINT", "number", "4711", "-42"},
	"date":   {"TEXT", "date", "2026-02-28", "2031-12-01"},
	"bool":   {"BOOLEAN", "checkbox", "on", ""},
}

var (
	viewName   = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	columnName = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
)

// ParseColumns reads the columns of a table, such as "title:text done:bool".
func ParseColumns(table string) ([]Column, error) {
	var columns []Column
	seen := map[string]bool{"id": true, "user_id": true, "created": true, "do": true} // the button's
	texts := 0
	for _, word := range strings.Fields(table) {
		name, kind, _ := strings.Cut(word, ":")
		switch _, known := kinds[kind]; {
		case !columnName.MatchString(name):
			return nil, fmt.Errorf("%q is no name for a column: use lower-case letters, digits and underscores, as in due_on:date", name)
		case !known:
			return nil, fmt.Errorf("the column %s needs a type: text, number, date or bool, as in %s:text", name, name)
		case seen[name]:
			return nil, fmt.Errorf("the column %s is there already: every table has id, user_id and created, every form has do, and no name counts twice", name)
		}
		seen[name] = true
		if kind != "bool" {
			texts++
		}
		columns = append(columns, Column{name, kind})
	}
	if texts == 0 {
		return nil, errors.New(`a table needs a column that is not a bool, as in --table "title:text done:bool"`)
	}
	return columns, nil
}

// words are the names that the templates use.
type words struct {
	View
	Module           string
	Escaped          string // the path in a query
	Type, Func       string // Go names of all
	OneType, OneFunc string // and of one
	Label            string // title of the page
	Words            string // all, in a sentence
	OneWord, A       string // one, in a sentence, and its article
	Table            string
	Columns          []column
	First            *column  // the one that names a row
	Rest, Flags      []column // further texts, and bools
}

type column struct {
	Column
	Go, Label, Words, SQL, Input, Sample, Other string
	Bool                                        bool
}

// UserParam and UserArg hand on whose rows are meant, if they are anybody's.
func (w words) UserParam() string {
	if w.Admin {
		return ""
	}
	return ", user *User"
}

func (w words) UserArg() string {
	if w.Admin {
		return ""
	}
	return ", &sessionOf(c).User"
}

// IDPlace and UserPlace are the numbers of the last parameters of the UPDATE,
// Places all parameters of the INSERT.
func (w words) IDPlace() int   { return len(w.Columns) + 1 }
func (w words) UserPlace() int { return len(w.Columns) + 2 }
func (w words) Places() string {
	count := len(w.Columns) + 2
	if !w.Admin {
		count++
	}
	var places []string
	for i := range count {
		places = append(places, "$"+strconv.Itoa(i+1))
	}
	return strings.Join(places, ", ")
}

// Pad fills a column's name up to the length of the longest.
func (w words) Pad(name string) string {
	longest := len("user_id")
	for _, c := range w.Columns {
		longest = max(longest, len(c.Name))
	}
	return fmt.Sprintf("%-*s", longest, name)
}

func (v View) words(module string) words {
	spaced := strings.ReplaceAll(v.Name, "-", " ")
	one := singular(v.Name)
	w := words{
		View: v, Module: module, Escaped: url.QueryEscape(v.Path()),
		Type: goName(v.Name), Func: lower(goName(v.Name)), OneType: goName(one), OneFunc: lower(goName(one)),
		Label: capital(spaced), Words: spaced, OneWord: strings.ReplaceAll(one, "-", " "), A: "a",
		Table: strings.ReplaceAll(v.Name, "-", "_"),
	}
	if strings.ContainsRune("aeiou", rune(one[0])) {
		w.A = "an"
	}
	for _, c := range v.Columns {
		look, spaced := kinds[c.Kind], strings.ReplaceAll(c.Name, "_", " ")
		w.Columns = append(w.Columns, column{
			Column: c, Go: goName(c.Name), Label: capital(spaced), Words: spaced,
			SQL: look.sql, Input: look.input, Sample: look.sample, Other: look.other, Bool: c.Kind == "bool",
		})
	}
	for i, c := range w.Columns {
		switch {
		case c.Bool:
			w.Flags = append(w.Flags, c)
		case w.First == nil:
			w.First = &w.Columns[i]
		default:
			w.Rest = append(w.Rest, c)
		}
	}
	return w
}

// singular returns what one of them is called: note of notes, entry of entries,
// and news-item of news. It knows how most words are made and none by heart.
func singular(name string) string {
	for _, ending := range []struct{ many, one string }{{"ies", "y"}, {"sses", "ss"}, {"shes", "sh"}, {"ches", "ch"}, {"xes", "x"}, {"ss", ""}, {"us", ""}, {"ews", ""}, {"s", ""}} {
		if stem, ok := strings.CutSuffix(name, ending.many); ok && stem != "" && (ending.one != "" || ending.many == "s") {
			return stem + ending.one
		} else if ok {
			break
		}
	}
	return name + "-item"
}

// goName joins words as Go's names do: ReadingList of reading-list.
func goName(words string) string {
	var name strings.Builder
	for _, word := range strings.FieldsFunc(words, func(r rune) bool { return r == '-' || r == '_' || r == ' ' }) {
		name.WriteString(capital(word))
	}
	return name.String()
}

func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

func lower(text string) string { return strings.ToLower(text[:1]) + text[1:] }

//go:embed templates/*.tmpl
var templates embed.FS

// Write writes the page's files, its lines in the map of the site, in the menu
// and in the gallery of tests. It refuses names that are taken.
func (v View) Write(checkout Checkout) (Files, error) {
	if !viewName.MatchString(v.Name) {
		return Files{}, fmt.Errorf("%q is no name for a page: use lower-case letters, digits and dashes, as in reading-list", v.Name)
	}
	module, err := checkout.module()
	if err != nil {
		return Files{}, err
	}
	w := v.words(module)
	if token.IsKeyword(w.Func) || token.IsKeyword(w.OneFunc) || w.Func == "init" || w.Func == "main" {
		return Files{}, fmt.Errorf("%s is a word of Go; choose another name", v.Name)
	}
	if !isPlainFile(strings.ReplaceAll(v.Name, "-", "_") + ".go") {
		return Files{}, fmt.Errorf("to Go the end of %s means a test or a system; choose another name", v.Name)
	}
	if err := w.namesAreFree(checkout); err != nil {
		return Files{}, err
	}
	parsed, err := template.New("").Delims("[[", "]]").Funcs(template.FuncMap{"inc": func(i int) int { return i + 1 }}).ParseFS(templates, "templates/*.tmpl")
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
			"models/" + file + ".go": "model.go", migration: "migration.sql",
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
		}
		if err := draft.add(file, content.Bytes()); err != nil {
			return Files{}, err
		}
	}
	for file, edit := range map[string]func([]byte) ([]byte, error){
		"handlers/routes.go": w.addRoutes, "handlers/gallery_test.go": w.addStates,
	} {
		if err := draft.change(file, edit); err != nil {
			return Files{}, err
		}
	}
	return draft.write()
}

// isPlainFile tells whether Go builds a file of this name everywhere: one that
// ends in _test or _linux has a meaning of its own.
func isPlainFile(name string) bool {
	nowhere := build.Context{GOOS: "none", GOARCH: "none", OpenFile: func(string) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("package p")), nil
	}}
	plain, err := nowhere.MatchFile("", name)
	return err == nil && plain && !strings.HasSuffix(name, "_test.go")
}

// tryOut runs a migration on a database that is thrown away.
func tryOut(migration string) error {
	db, err := sql.Open("sqlite3", ":memory:")
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.Exec(migration); err != nil {
		return fmt.Errorf("SQLite refuses such a table (%w); choose other names", err)
	}
	return nil
}

func (c Checkout) nextMigration() (int, error) {
	files, err := fs.Glob(os.DirFS(string(c)), "models/database/migrations/*.sql")
	last := 0
	for _, file := range files {
		digits, _, _ := strings.Cut(filepath.Base(file), "_")
		if number, err := strconv.Atoi(digits); err == nil {
			last = max(last, number)
		}
	}
	return last + 1, err
}

// namesAreFree refuses a page whose Go names are taken, which the compiler
// would only tell afterwards.
func (w words) namesAreFree(checkout Checkout) error {
	wanted := map[string][]string{"handlers": {w.Type + "Page", "App." + w.Func, "Test" + w.Type}}
	if len(w.Columns) > 0 {
		wanted["handlers"] = append(wanted["handlers"], "App.save"+w.OneType, "App.remove"+w.OneType, "App.render"+w.OneType)
		wanted["models"] = []string{w.OneType, "Max" + w.OneType, w.OneFunc + "Columns", "DB." + w.Type, "DB." + w.OneType, "DB.Save" + w.OneType, "DB.Remove" + w.OneType}
	}
	for folder, names := range wanted {
		taken, err := checkout.declared(folder)
		if err != nil {
			return err
		}
		for _, name := range names {
			if at, found := taken[name]; found {
				return fmt.Errorf("%s would be %s in %s, which is there already, in %s; choose another name", w.Name, name, folder, at)
			}
		}
	}
	return nil
}

// declared returns the names that the files of a package declare, with their
// place; methods and fields behind the name of their type and a dot.
func (c Checkout) declared(folder string) (map[string]string, error) {
	files, err := fs.Glob(os.DirFS(string(c)), folder+"/*.go")
	if err != nil {
		return nil, err
	}
	names := make(map[string]string)
	for _, file := range files {
		positions := token.NewFileSet()
		parsed, err := parser.ParseFile(positions, c.path(file), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		note := func(name string, at token.Pos) {
			names[name] = fmt.Sprintf("%s:%d", file, positions.Position(at).Line)
		}
		for _, declaration := range parsed.Decls {
			switch declaration := declaration.(type) {
			case *ast.FuncDecl:
				name := declaration.Name.Name
				if declaration.Recv != nil {
					of := declaration.Recv.List[0].Type
					if pointer, ok := of.(*ast.StarExpr); ok {
						of = pointer.X
					}
					if of, ok := of.(*ast.Ident); ok {
						name = of.Name + "." + name
					}
				}
				note(name, declaration.Pos())
			case *ast.GenDecl:
				for _, spec := range declaration.Specs {
					switch spec := spec.(type) {
					case *ast.ValueSpec:
						for _, name := range spec.Names {
							note(name.Name, name.Pos())
						}
					case *ast.TypeSpec:
						note(spec.Name.Name, spec.Pos())
						if fields, ok := spec.Type.(*ast.StructType); ok {
							for _, field := range fields.Fields.List {
								for _, name := range field.Names {
									note(spec.Name.Name+"."+name.Name, name.Pos())
								}
							}
						}
					}
				}
			}
		}
	}
	return names, nil
}

// addRoutes adds the page to the table of routes, behind those with the same
// access rule, and to the menu or to the tabs of the administration.
func (w words) addRoutes(content []byte) ([]byte, error) {
	positions := token.NewFileSet()
	file, err := parser.ParseFile(positions, "", content, 0)
	if err != nil {
		return nil, err
	}
	access, entry := "Members", "menu"
	if w.Admin {
		access, entry = "Admins", "tab"
	}
	handler := "a." + w.Func
	if !w.Admin { // all that it shows is the user's own
		handler = "a.cached(" + handler + ")"
	}
	lines := fmt.Sprintf("\t\tpage(%q, %s, %s).%s(%q, \"list\"),\n", w.Path(), access, handler, entry, w.Label)
	if len(w.Columns) > 0 {
		lines += fmt.Sprintf("\t\tpost(%q, %s, a.save%s),\n\t\tpost(%q, %s, a.save%s),\n\t\tpost(%q, %s, a.remove%s),\n",
			w.Path(), access, w.OneType, w.Path()+"/:id", access, w.OneType, w.Path()+"/:id/remove", access, w.OneType)
	}
	behind := token.NoPos
	ast.Inspect(file, func(node ast.Node) bool {
		table, ok := node.(*ast.CompositeLit)
		if !ok || !isRouteTable(table) {
			return true
		}
		for _, route := range table.Elts {
			text := content[positions.Position(route.Pos()).Offset:positions.Position(route.End()).Offset]
			if bytes.Contains(text, []byte(", "+access+", ")) {
				behind = route.End()
			}
		}
		return false
	})
	if !behind.IsValid() {
		return nil, fmt.Errorf("there is no []route with a route for %s that the page could be added to", access)
	}
	return insert(content, positions.Position(behind).Offset, lines), nil
}

func isRouteTable(table *ast.CompositeLit) bool {
	list, ok := table.Type.(*ast.ArrayType)
	if !ok {
		return false
	}
	of, ok := list.Elt.(*ast.Ident)
	return ok && of.Name == "route"
}

// addStates adds the page's states to the gallery.
func (w words) addStates(content []byte) ([]byte, error) {
	gallery, positions, err := literal(content, "gallery")
	if err != nil {
		return nil, err
	}
	lines := fmt.Sprintf("\t%q: &%sPage{Page: signedIn(%q)},\n", w.Name+": always", w.Type, w.Label)
	if len(w.Columns) > 0 {
		row := fmt.Sprintf("models.%s{ID: \"x\", Created: someTime", w.OneType)
		for _, c := range w.Columns {
			if c.Bool {
				row += ", " + c.Go + ": true"
			} else {
				row += fmt.Sprintf(", %s: %q", c.Go, c.Sample)
			}
		}
		row += "}"
		lines = fmt.Sprintf("\t%q: &%sPage{Page: signedIn(%q), Fields: someFields},\n", w.Name+": none", w.Type, w.Label) +
			fmt.Sprintf("\t%q: &%sPage{Page: flashed(%q), Fields: someFields, Chosen: &%s, %s: []%s{%s}, Older: %q},\n",
				w.Name+": some", w.Type, w.Label, row, w.Type, "models."+w.OneType, strings.TrimPrefix(row, "models."+w.OneType), w.Path()+"?before=x")
	}
	return insert(content, positions.Position(gallery.Elts[len(gallery.Elts)-1].End()).Offset, lines), nil
}

// literal returns the composite value of a variable.
func literal(content []byte, variable string) (*ast.CompositeLit, *token.FileSet, error) {
	positions := token.NewFileSet()
	file, err := parser.ParseFile(positions, "", content, 0)
	if err != nil {
		return nil, nil, err
	}
	var found *ast.CompositeLit
	ast.Inspect(file, func(node ast.Node) bool {
		value, ok := node.(*ast.ValueSpec)
		if ok && value.Names[0].Name == variable && len(value.Values) == 1 {
			found, _ = value.Values[0].(*ast.CompositeLit)
		}
		return found == nil
	})
	if found == nil || len(found.Elts) == 0 {
		return nil, nil, fmt.Errorf("there is no table %s that the page could be added to", variable)
	}
	return found, positions, nil
}
