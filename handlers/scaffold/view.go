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
	"slices"
	"strconv"
	"strings"
	"text/template"

	_ "github.com/mattn/go-sqlite3" // tries out the migration
)

// View is a page that is to be written.
type View struct {
	Name    string // of its files and, below a slash, of its address: lower-case words parted by dashes
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

// Column is a column of the page's own table, and a field of its form.
type Column struct {
	Name    string   // letters, digits and underscores
	Kind    string   // one of kinds
	Choices []string // of a choice
	Page    string   // of a ref: the page whose rows it refers to
}

var kinds = map[string]struct{ sql, input, sample, shown, other, otherShown string }{
	"text":     {"TEXT", "text", "A first text", "A first text", "Another text", "Another text"},
	"longtext": {"TEXT", "textarea", "A longer text", "A longer text", "Other lines", "Other lines"},
	"email":    {"TEXT", "email", "ada@example.org", "ada@example.org", "eve@example.org", "eve@example.org"},
	"number":   {"BIGINT", "number", "4711", "4711", "-42", "-42"},
	"money":    {"BIGINT", "money", "1 234,5", "1,234.50", "-0.75", "-0.75"},
	"date":     {"TEXT", "date", "2026-02-28", "28 Feb 2026", "2031-12-01", "1 Dec 2031"},
	"bool":     {"BOOLEAN", "checkbox", "on", "", "", ""},
	"choice":   {"TEXT", "select", "", "", "", ""},
	"ref":      {"TEXT", "select", "", "", "", ""},
}

// kindsInWords lists the kinds for people.
const kindsInWords = "text, longtext, email, number, money, date, bool, choice:a,b,c or ref:PAGE"

var (
	viewName   = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	columnName = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	choiceName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
)

// ParseColumns reads the columns of a table, such as "title:text done:bool".
func ParseColumns(table string) ([]Column, error) {
	var columns []Column
	// Every table has the first three, every form a button do; String is a method.
	seen := map[string]bool{"id": true, "user_id": true, "created": true, "do": true, "string": true, "search_key": true}
	add := func(names ...string) bool {
		for _, name := range names {
			if seen[name] {
				return false
			}
			seen[name] = true
		}
		return true
	}
	for _, word := range strings.Fields(table) {
		name, kind, _ := strings.Cut(word, ":")
		kind, of, _ := strings.Cut(kind, ":")
		column := Column{Name: name, Kind: kind}
		also := []string{name}
		switch kind {
		case "choice":
			column.Choices = strings.Split(of, ",")
			also = append(also, name+"_label", name+"_choices")
		case "ref":
			column.Page = of
			also = append(also, name+"_id", name+"_name")
		}
		_, known := kinds[kind]
		switch {
		case strings.Contains(kind, ",") || strings.HasSuffix(name, ","):
			return nil, fmt.Errorf("columns are separated by spaces, not by commas: --table %q", strings.Join(strings.FieldsFunc(table, func(r rune) bool { return r == ',' || r == ' ' }), " "))
		case !columnName.MatchString(name):
			return nil, fmt.Errorf("%q is no name for a column: use lower-case letters, digits and underscores, as in due_on:date", name)
		case !known, of != "" && kind != "choice" && kind != "ref":
			return nil, fmt.Errorf("the column %s needs a type: %s, as in %s:text", name, kindsInWords, name)
		case kind == "choice" && (len(column.Choices) < 2 || slices.ContainsFunc(column.Choices, func(choice string) bool { return !choiceName.MatchString(choice) })):
			return nil, fmt.Errorf("the column %s needs what can be chosen, in lower-case letters, digits and dashes, as in %s:choice:open,in-progress,done", name, name)
		case len(slices.Compact(slices.Sorted(slices.Values(column.Choices)))) < len(column.Choices):
			return nil, fmt.Errorf("the column %s has the same choice twice", name)
		case kind == "ref" && !viewName.MatchString(of):
			return nil, fmt.Errorf("the column %s needs the name of the page that it refers to, as in %s:ref:customers", name, name)
		case (kind == "choice" || kind == "ref") && slices.Contains([]string{"text", "sort", "before", "after"}, name):
			return nil, fmt.Errorf("the column %s can't be a %s: that name is part of the address of every list; choose another one", name, kind)
		case !add(also...):
			return nil, fmt.Errorf("the column %s is there already: every table has id, user_id and created, every form has do, and no name counts twice", name)
		}
		columns = append(columns, column)
	}
	if first(columns) < 0 {
		return nil, errors.New(`a table needs a column that names its rows, of type text, email, number or date, as in --table "title:text done:bool"`)
	}
	return columns, nil
}

// first is the column that names a row: a text, or else the first that can.
func first(columns []Column) int {
	text := slices.IndexFunc(columns, func(c Column) bool { return c.Kind == "text" })
	if text >= 0 {
		return text
	}
	return slices.IndexFunc(columns, func(c Column) bool { return c.Kind == "email" || c.Kind == "number" || c.Kind == "date" })
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
	Key              []column // what the search key is made from
}

type column struct {
	Column
	Of                       string // Go name of one row
	DB, Go                   string // its names in the table and in the struct
	Label, Words, SQL, Input string
	Sample, Shown            string // what a test types, and what the page makes of it
	Other, OtherShown        string
	Target                   *words // of a ref
	Searchable               bool   // of a ref: the target has a search key
	names                    bool   // names the row
}

// Is tells whether the column is of one of these kinds.
func (c column) Is(kinds ...string) bool { return slices.Contains(kinds, c.Kind) }

// Numeric columns stand at the right of a table, unless they name the row.
func (c column) Numeric() bool { return c.Is("number", "money") && !c.names }

// GoType is the type of the field.
func (c column) GoType() string {
	switch c.Kind {
	case "bool":
		return "bool"
	case "money":
		return "Money"
	}
	return "string"
}

// NameGo is the field with what names the row that a ref refers to.
func (c column) NameGo() string { return goName(c.Name) + "Name" }

// Show is what a template calls to show the column of a row.
func (c column) Show() string {
	switch c.Kind {
	case "choice":
		return "{{." + c.Go + "Label}}"
	case "date":
		return "{{plainDate ." + c.Go + "}}"
	case "bool":
		return `{{if .` + c.Go + `}}<span class="tag">yes</span>{{end}}`
	case "ref":
		name := "<bdi>{{." + c.NameGo() + "}}</bdi>"
		if c.Target.Detail {
			return `<a href="` + c.Target.Path() + "/{{." + c.Go + `}}">` + name + "</a>"
		}
		return name
	case "email":
		return `<a href="mailto:{{.` + c.Go + `}}">{{.` + c.Go + "}}</a>"
	case "text":
		return "<bdi>{{." + c.Go + "}}</bdi>"
	}
	return "{{." + c.Go + "}}"
}

// Plain is Show as text, for what is a link already.
func (c column) Plain() string {
	if c.Kind == "email" {
		return "{{." + c.Go + "}}"
	}
	return c.Show()
}

// Listed are the columns of the list, and of the list on the page of another row
// without the one that refers to it.
func (w words) Listed() []column {
	listed := []column{*w.First}
	for _, c := range w.Columns {
		if c.Name != w.First.Name && c.Kind != "longtext" {
			listed = append(listed, c)
		}
	}
	return listed
}

// LongText are the texts of several lines.
func (w words) LongText() []column { return w.only("longtext") }

func (w words) only(kind string) (found []column) {
	for _, c := range w.Columns {
		if c.Kind == kind {
			found = append(found, c)
		}
	}
	return found
}

func (w words) Refs() []column    { return w.only("ref") }
func (w words) Choices() []column { return w.only("choice") }

// Has tells whether there is a column of one of these kinds.
func (w words) Has(kinds ...string) bool {
	return slices.ContainsFunc(w.Columns, func(c column) bool { return c.Is(kinds...) })
}

// Q names a column of the table in a statement that may join others.
func (w words) Q(name string) string {
	if len(w.Refs()) > 0 {
		return w.Table + "." + name
	}
	return name
}

// OrderOf is the SQL that a list is sorted by for a column.
func (w words) OrderOf(c column) string {
	switch {
	case c.Target != nil:
		return "LOWER(" + c.Target.Table + "." + c.Target.First.DB + ")"
	case c.Is("text", "email"):
		return "LOWER(" + w.Q(c.DB) + ")"
	case c.Is("bool"):
		return "CASE WHEN " + w.Q(c.DB) + " THEN 1 ELSE 0 END"
	}
	return w.Q(c.DB)
}

// RowPath is where the name of a row leads to, in a template.
func (w words) RowPath() string {
	if w.Detail {
		return w.Path() + "/{{.ID}}"
	}
	return w.Path() + "/{{.ID}}/change"
}

// UserParam and UserArg hand on whose rows are meant, if they are anybody's; User is
// the same for what also works without.
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

func (w words) User() string {
	if w.Admin {
		return "nil"
	}
	return "user"
}

// Stored are the columns that are written, and StoredValues what is written there.
func (w words) Stored() []string {
	var names []string
	for _, c := range w.Columns {
		names = append(names, c.DB)
	}
	if len(w.Key) > 0 {
		names = append(names, "search_key")
	}
	return names
}

func (w words) StoredValues() string {
	var values []string
	for _, c := range w.Columns {
		values = append(values, "o."+c.Go)
	}
	if len(w.Key) > 0 {
		values = append(values, "o.searchKey()")
	}
	return strings.Join(values, ", ")
}

// IDPlace and UserPlace are the numbers of the last parameters of the UPDATE,
// Places all parameters of the INSERT.
func (w words) IDPlace() int   { return len(w.Stored()) + 1 }
func (w words) UserPlace() int { return len(w.Stored()) + 2 }
func (w words) Places() string {
	count := len(w.Stored()) + 2
	if !w.Admin {
		count++
	}
	var places []string
	for i := range count {
		places = append(places, "$"+strconv.Itoa(i+1))
	}
	return strings.Join(places, ", ")
}

// Typed are the arguments of a form in a test: the samples, or the others.
func (w words) Typed(other bool) string {
	var typed strings.Builder
	for _, c := range w.Columns {
		value := c.Sample
		if other {
			value = c.Other
		}
		switch {
		case c.Kind == "ref":
			fmt.Fprintf(&typed, ", %q, %s", c.Name, c.RefVar())
		case value != "":
			fmt.Fprintf(&typed, ", %q, %q", c.Name, value)
		}
	}
	return typed.String()
}

// Sorts are the columns that the list can be sorted by, for a comment.
func (w words) Sorts() string {
	names := []string{"created"}
	for _, c := range w.Listed() {
		names = append(names, c.Name)
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// RefVar is the variable of a test that holds what a column refers to.
func (c column) RefVar() string { return lower(goName(c.Name)) + "ID" }

// Pad fills a column's name up to the length of the longest.
func (w words) Pad(name string) string {
	longest := len("user_id")
	for _, c := range w.Stored() {
		longest = max(longest, len(c))
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
	if w.Icon == "" {
		w.Icon = "list"
	}
	if strings.ContainsRune("aeiou", rune(one[0])) {
		w.A = "an"
	}
	for _, c := range v.Columns {
		kind, spaced := kinds[c.Kind], strings.ReplaceAll(c.Name, "_", " ")
		made := column{
			Column: c, Of: w.OneType, DB: c.Name, Go: goName(c.Name), Label: capital(spaced), Words: spaced, SQL: kind.sql, Input: kind.input,
			Sample: kind.sample, Shown: kind.shown, Other: kind.other, OtherShown: kind.otherShown,
		}
		if c.Name == "email" {
			made.Label = "E-mail"
		}
		switch c.Kind {
		case "ref":
			made.DB, made.Go = c.Name+"_id", made.Go+"ID"
		case "choice":
			made.Sample, made.Shown = c.Choices[0], choiceLabel(c.Choices[0])
			made.Other, made.OtherShown = c.Choices[1], choiceLabel(c.Choices[1])
		}
		w.Columns = append(w.Columns, made)
		if v.Search && made.Is("text", "email", "longtext", "number") {
			w.Key = append(w.Key, made)
		}
	}
	if at := first(v.Columns); at >= 0 {
		w.First = &w.Columns[at]
		w.First.names = true
	}
	return w
}

// choiceLabel is what people read for a choice: In progress for in-progress.
func choiceLabel(choice string) string { return capital(strings.ReplaceAll(choice, "-", " ")) }

// findTargets looks up the pages that columns refer to: by what their files declare.
func (w *words) findTargets(checkout Checkout) error {
	seen := make(map[string]bool)
	for i := range w.Columns {
		c := &w.Columns[i]
		if c.Kind != "ref" {
			continue
		}
		if seen[c.Page] {
			return fmt.Errorf("two columns refer to %s; one is all that a page can have", c.Page)
		}
		seen[c.Page] = true
		target := View{Name: c.Page}.words(w.Module)
		model, err := checkout.declared("models")
		if err != nil {
			return err
		}
		site, err := checkout.declared("handlers")
		if err != nil {
			return err
		}
		for _, name := range []string{target.OneType + ".String", "DB." + target.Type} {
			if _, found := model[name]; !found {
				return fmt.Errorf("the column %s refers to %s, which is no page with a table: there is no %s in models; write it first, with: go run . new view %s --table …", c.Name, c.Page, name, c.Page)
			}
		}
		if _, found := site["add"+target.OneType]; !found {
			return fmt.Errorf("the column %s refers to %s, whose test has no function add%s; the test of a page that refers to it needs that", c.Name, c.Page, target.OneType)
		}
		file := "models/" + strings.ReplaceAll(c.Page, "-", "_") + ".go"
		content, err := checkout.read(file)
		if err != nil {
			return err
		}
		target.Admin = !bytes.Contains(content, []byte("user *User"))
		if target.Admin != w.Admin {
			return fmt.Errorf("the column %s refers to %s, whose rows are %s; the rows of %s are %s", c.Name, c.Page, whose(target.Admin), w.Name, whose(w.Admin))
		}
		named := regexp.MustCompile(`func \(o ` + target.OneType + `\) String\(\) string \{ return o\.(\w+)`).FindSubmatch(content)
		if named == nil {
			return fmt.Errorf("%s: String of %s does not return a field, by which its rows could be sorted", file, target.OneType)
		}
		field := regexp.MustCompile(`(?m)^\t` + string(named[1]) + `\s+\w+\s+` + "`" + `db:"(\w+)"` + "`").FindSubmatch(content)
		if field == nil {
			return fmt.Errorf("%s: %s.%s has no column of the table", file, target.OneType, named[1])
		}
		target.First = &column{DB: string(field[1])}
		c.Searchable = bytes.Contains(content, []byte("search_key"))
		_, target.Detail = site[target.OneType+"Page"]
		c.Target = &target
		c.Sample, c.Shown = "", ""
	}
	return nil
}

func whose(admin bool) string {
	if admin {
		return "those of all administrators"
	}
	return "each user's own"
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
	for _, name := range []string{w.Func, w.OneFunc} {
		if token.IsKeyword(name) || slices.Contains(reserved, name) {
			return Files{}, fmt.Errorf("the page %s can't have that name, since %s means something else in Go code; choose another one, such as my-%s", v.Name, name, v.Name)
		}
	}
	if !isPlainFile(strings.ReplaceAll(v.Name, "-", "_") + ".go") {
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

// reserved are names that mean something in the code that is written.
var reserved = []string{"init", "main", "a", "c", "all", "chart", "err", "errors", "fiber", "filter", "invalid", "models", "nil", "page", "render", "string", "true", "false", "web"}

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

// addRows adds to the page of a row those that refer to it.
func (w words) addRows(content []byte, ref column) ([]byte, error) {
	positions := token.NewFileSet()
	file, err := parser.ParseFile(positions, "", content, 0)
	if err != nil {
		return nil, err
	}
	var field, answer token.Pos
	for _, declaration := range file.Decls {
		switch declaration := declaration.(type) {
		case *ast.GenDecl:
			for _, spec := range declaration.Specs {
				if named, ok := spec.(*ast.TypeSpec); ok && named.Name.Name == ref.Target.OneType+"Page" {
					if fields, ok := named.Type.(*ast.StructType); ok {
						field = fields.Fields.Closing
					}
				}
			}
		case *ast.FuncDecl:
			if declaration.Name.Name == ref.Target.OneFunc && declaration.Recv != nil {
				answer = declaration.Body.List[len(declaration.Body.List)-1].Pos()
			}
		}
	}
	if !field.IsValid() || !answer.IsValid() {
		return nil, fmt.Errorf("there is no %sPage with its handler %s to show the %s of", ref.Target.OneType, ref.Target.OneFunc, w.Words)
	}
	columns := ""
	for _, c := range append(w.Listed(), column{Label: "Added"}) {
		number := ""
		if c.Numeric() {
			number = ", Number: true"
		}
		if c.Name != ref.Name {
			columns += fmt.Sprintf("{Label: %q%s}, ", c.Label, number)
		}
	}
	load := fmt.Sprintf(`page.%sTable = render.Table{Label: %q, Columns: []render.Column{%s}}
	if page.%s, err = a.db.%s(c.UserContext()%s, models.%sFilter{%s: %s.ID}, web.RowsOfOther); err != nil {
		return err
	}
	`, w.Type, w.Label, strings.TrimSuffix(columns, ", "), w.Type, w.Type, w.UserArg(), w.OneType, ref.Go, ref.Target.OneFunc)
	at, end := positions.Position(field).Offset, positions.Position(answer).Offset
	return slices.Concat(content[:at], fmt.Appendf(nil, "\t%sTable render.Table\n\t%s []models.%s // the latest that refer to it\n", w.Type, w.Type, w.OneType), content[at:end], []byte(load), content[end:]), nil
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
		wanted["handlers"] = append(wanted["handlers"], "App.new"+w.OneType, "App.change"+w.OneType, "App.save"+w.OneType, "App.remove"+w.OneType, "App.render"+w.OneType, w.OneType+"FormPage", "add"+w.OneType)
		wanted["models"] = []string{w.OneType, "Max" + w.OneType, w.OneType + "Filter", w.OneFunc + "Columns", w.OneFunc + "Orders", w.OneFunc + "Tables", "DB." + w.Type, "DB." + w.OneType, "DB.Save" + w.OneType, "DB.Remove" + w.OneType}
		for _, c := range w.Choices() {
			wanted["models"] = append(wanted["models"], w.OneType+c.Go+"Choices")
		}
		if w.Detail {
			wanted["handlers"] = append(wanted["handlers"], w.OneType+"Page", "App."+w.OneFunc)
		}
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
	lines := fmt.Sprintf("\t\tpage(%q, %s, %s).%s(%q, %q),\n", w.Path(), access, handler, entry, w.Label, w.Icon)
	if len(w.Columns) > 0 {
		add, one := w.Path()+"/new", w.Path()+"/:id"
		lines += fmt.Sprintf("\t\tpage(%q, %s, a.new%s),\n\t\tpost(%q, %s, a.save%s),\n", add, access, w.OneType, add, access, w.OneType)
		if w.Detail {
			lines += fmt.Sprintf("\t\tpage(%q, %s, a.%s),\n", one, access, w.OneFunc)
		}
		lines += fmt.Sprintf("\t\tpage(%q, %s, a.change%s),\n\t\tpost(%q, %s, a.save%s),\n\t\tpost(%q, %s, a.remove%s),\n",
			one+"/change", access, w.OneType, one+"/change", access, w.OneType, one+"/remove", access, w.OneType)
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
		fields := `ID: "x", Created: someTime`
		for _, c := range w.Columns {
			switch c.Kind {
			case "bool":
				fields += ", " + c.Go + ": true"
			case "money":
				fields += ", " + c.Go + ": models.Money{Minor: 123450}"
			case "ref":
				fields += fmt.Sprintf(", %s: %q, %s: %q", c.Go, "y", c.NameGo(), "<One>")
			default:
				fields += fmt.Sprintf(", %s: %q", c.Go, c.Sample)
			}
		}
		table := fmt.Sprintf("render.Table{Label: %q, Columns: []render.Column{{Label: %q, Href: %q, Sorted: \"descending\"}, {Label: \"Added\"}}}", w.Label, w.First.Label, w.Path()+"?sort=x")
		some := fmt.Sprintf("Table: %s, %s: []models.%s{{%s}}, Pages: web.Pages{Previous: %q, Next: %q}", table, w.Type, w.OneType, fields, w.Path()+"?before=x", w.Path()+"?after=x")
		none := ""
		if w.Chart != "" {
			none = ", Chart: someChart"
		}
		one := fmt.Sprintf("%s: &models.%s{%s}", w.OneType, w.OneType, fields)
		lines = fmt.Sprintf("\t%q: &%sPage{Page: signedIn(%q)%s},\n", w.Name+": none", w.Type, w.Label, none) +
			fmt.Sprintf("\t%q: &%sPage{Page: flashed(%q), %s},\n", w.Name+": some", w.Type, w.Label, some+none) +
			fmt.Sprintf("\t%q: &%sFormPage{Page: signedIn(%q), %s: &models.%s{}, Fields: someFields},\n", w.Name+"-form: new", w.OneType, "Add "+w.A+" "+w.OneWord, w.OneType, w.OneType) +
			fmt.Sprintf("\t%q: &%sFormPage{Page: signedIn(%q), %s, Fields: someFields},\n", w.Name+"-form: change", w.OneType, "Change the "+w.OneWord, one)
		if w.Detail {
			lines += fmt.Sprintf("\t%q: &%sPage{Page: flashed(%q), %s},\n", w.Name+"-detail: one", w.OneType, w.First.Shown, one)
		}
		for _, c := range w.Refs() {
			of := c.Target.OneType
			whole := regexp.MustCompile(of + `: &models\.` + of + `\{ID: (?:[^{}]|\{[^{}]*\})*\}`).Find(content) // of its own states
			if c.Target.Detail && whole != nil {
				lines += fmt.Sprintf("\t%q: &%sPage{Page: signedIn(%q), %s, %sTable: %s, %s: []models.%s{{%s}}},\n",
					c.Page+"-detail: with "+w.Words, of, capital(c.Target.OneWord), whole, w.Type, table, w.Type, w.OneType, fields)
			}
		}
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
