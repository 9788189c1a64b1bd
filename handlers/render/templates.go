package render

import (
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"text/template/parse"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/gofiber/template/html/v2"

	"daypass/models"
)

// Templates is what the site looks like: its templates, and the assets they name.
type Templates struct {
	assets assets
	views  *html.Engine
	menus  sync.Map // by place
	state  string   // of the disk, under Dev; else nothing
}

// loadTemplates reads templates and assets. A template that could never be shown is
// a viewError.
func loadTemplates(templates, files fs.FS, brand Brand, pack packing) (*Templates, error) {
	assets, err := loadAssets(files, brand.Icon, pack)
	if err != nil {
		return nil, err
	}
	icons, err := readIcons(files, assets)
	if err != nil {
		return nil, err
	}
	engine := html.NewFileSystem(http.FS(templates), ".html")
	functions := template.FuncMap{
		"site":  func() template.HTML { return template.HTML(template.HTMLEscapeString(brand.Title)) },
		"asset": assets.url, "icon": icons.show, "count": count,
		"time": moment, "at": at, "date": date, "day": day, "clock": clock, "plainDate": plainDate,
	}
	engine.AddFuncMap(functions)
	if err := engine.Load(); err != nil { // later renders would not tell
		return nil, ReadError(err)
	}
	if err := fold(engine.Templates, functions); err != nil {
		return nil, err
	}
	for _, view := range engine.Templates.Templates() {
		// What is wrong with the template itself shows before what is wrong with the data, which is none.
		var wrong *template.Error
		if err := view.Execute(io.Discard, nil); errors.As(err, &wrong) {
			return nil, ReadError(err)
		}
	}
	for _, view := range engine.Templates.Templates() {
		if view.Tree != nil {
			outdent(view.Tree.Root)
		}
	}
	return &Templates{assets: assets, views: engine}, nil
}

var indentation = regexp.MustCompile(`\n\t+`)

// outdent removes the indentation from a template: 900 of the 15,000 bytes of a new
// user's dashboard. Pages with secrets in them go out uncompressed (BREACH).
func outdent(node parse.Node) {
	var branch *parse.BranchNode
	switch node := node.(type) {
	case *parse.TextNode:
		node.Text = indentation.ReplaceAll(node.Text, []byte("\n"))
	case *parse.ListNode:
		if node != nil {
			for _, child := range node.Nodes {
				outdent(child)
			}
		}
	case *parse.IfNode:
		branch = &node.BranchNode
	case *parse.RangeNode:
		branch = &node.BranchNode
	case *parse.WithNode:
		branch = &node.BranchNode
	}
	if branch != nil {
		outdent(branch.List)
		outdent(branch.ElseList)
	}
}

// show renders a view.
func (l *Templates) show(to io.Writer, view string, page any) error {
	found := l.views.Templates.Lookup(view)
	if found == nil {
		return fmt.Errorf("there is no views/%s.html", view)
	}
	if err := found.Execute(to, page); err != nil {
		wrong := ReadError(err)
		wrong.state = l.state
		return wrong
	}
	return nil
}

// Error is a template that can't be read or shown, and where it is wrong; under Dev
// also Go code that can't be built.
type Error struct {
	Title string // on the page of the error; empty: of a template
	File  string // from the root of the checkout
	Line  int    // zero when it is not known
	What  string
	More  string // all that the compiler says, if that is more

	err   error
	state string // of the disk, under Dev
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.What
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.What)
}

func (e *Error) Unwrap() error { return e.err }

var (
	placeInView  = regexp.MustCompile(`(?s)^(?:html/)?template: ?([\w/.-]+):(\d+)(?::\d+)?: (.*)$`)
	missingField = regexp.MustCompile(`(?:executing|checking) ".*" at <(.*)>: can't (?:evaluate|use) field (\w+) in type \*?([\w.]+)`)
)

// ReadError says what html/template complains of with file and line.
func ReadError(err error) *Error {
	at := placeInView.FindStringSubmatch(err.Error())
	if at == nil {
		return &Error{What: err.Error(), err: err}
	}
	line, _ := strconv.Atoi(at[2])
	what := at[3]
	if field := missingField.FindStringSubmatch(what); field != nil {
		what = fmt.Sprintf("{{%s}}: %s has no field or method %s", field[1], field[3], field[2])
	}
	return &Error{File: "views/" + at[1] + ".html", Line: line, What: what, err: err}
}

// icons are the symbols of public/icons.svg, by name, as a page shows them.
type icons map[string]template.HTML

var symbol = regexp.MustCompile(`<symbol id="([^"]+)"`)

func readIcons(files fs.FS, assets assets) (icons, error) {
	const sprite = "icons.svg"
	content, err := fs.ReadFile(files, sprite)
	if err != nil {
		return nil, fmt.Errorf("read the icons: %w", err)
	}
	all := icons{}
	for _, found := range symbol.FindAllStringSubmatch(string(content), -1) {
		all[found[1]] = template.HTML(`<svg class="icon" aria-hidden="true"><use href="` + assets.urls[sprite] + `#` + found[1] + `"/></svg>`)
	}
	return all, nil
}

// show is the function icon of templates.
func (i icons) show(name string) (template.HTML, error) {
	icon, ok := i[name]
	if !ok {
		return "", fmt.Errorf("public/icons.svg has no icon %q; add it with: go run . new icon %s", name, name)
	}
	return icon, nil
}

// moment is the template function time. It writes UTC, as date, day and clock do; the
// script shows it in the reader's time zone, as the browser's language writes it, with
// words such as "5 minutes ago" beside it.
func moment(at models.Time) template.HTML { return timeElement(at, "", "2 Jan 2006, 15:04 MST") }

// at shows a moment without such words.
func at(at models.Time) template.HTML { return timeElement(at, "at", "2 Jan 2006, 15:04 MST") }

// date shows the day of a moment, where the time of day doesn't matter.
func date(at models.Time) template.HTML { return timeElement(at, "date", "2 Jan 2006") }

// day is the heading of a day of a list, whose rows show the time of day by clock.
func day(at models.Time) template.HTML { return timeElement(at, "day", "Monday, 2 January 2006") }

func clock(at models.Time) template.HTML { return timeElement(at, "clock", "15:04 MST") }

// plainDate shows a date that is in no time zone, such as a birthday, from the form in
// which it is stored (2006-01-02).
func plainDate(stored string) template.HTML {
	at, err := time.Parse(time.DateOnly, stored)
	if err != nil {
		return template.HTML(template.HTMLEscapeString(stored))
	}
	return template.HTML(`<time datetime="` + stored + `" data-show="plain">` + at.Format("2 Jan 2006") + `</time>`)
}

func timeElement(at models.Time, show, layout string) template.HTML {
	if show != "" {
		show = ` data-show="` + show + `"`
	}
	return template.HTML(`<time datetime="` + at.Format(time.RFC3339) + `"` + show + `>` + at.Format(layout) + `</time>`)
}

// count shows how many rows a list has, which are not counted to the end.
func count(rows int) string {
	if rows >= models.MaxCounted {
		return humanize.Comma(models.MaxCounted) + " or more"
	}
	return humanize.Comma(int64(rows))
}

// fold puts the value of each call of site, and of asset or icon with a constant, in the place
// of the call: it is always the same, and a call from a template costs more than
// all else. What is not there is found by that before anybody asks for the page.
func fold(views *template.Template, functions template.FuncMap) error {
	var wrong []error
	for _, view := range views.Templates() {
		if view.Tree == nil {
			continue
		}
		visit(view.Tree.Root, func(node parse.Node) parse.Node {
			name, argument, ok := constantCall(node)
			if !ok {
				return node
			}
			var value string
			var err error
			switch function := functions[name].(type) {
			case func() template.HTML:
				value = string(function())
			case func(string) (string, error):
				value, err = function(argument)
			case func(string) (template.HTML, error):
				var html template.HTML
				html, err = function(argument)
				value = string(html)
			default:
				return node
			}
			if err != nil {
				at, _ := view.Tree.ErrorContext(node)
				wrong = append(wrong, ReadError(fmt.Errorf("template: %s: %w", at, err)))
			}
			return &parse.TextNode{NodeType: parse.NodeText, Pos: node.Position(), Text: []byte(value)}
		})
	}
	return errors.Join(wrong...)
}

// constantCall takes an action apart that is a call with one constant, or with nothing:
// {{icon "list"}}, {{site}}.
func constantCall(node parse.Node) (name, argument string, ok bool) {
	action, ok := node.(*parse.ActionNode)
	if !ok || len(action.Pipe.Cmds) != 1 || len(action.Pipe.Decl) > 0 || len(action.Pipe.Cmds[0].Args) > 2 {
		return "", "", false
	}
	args := action.Pipe.Cmds[0].Args
	function, isName := args[0].(*parse.IdentifierNode)
	if !isName || len(args) == 1 {
		return fmt.Sprint(args[0]), "", isName
	}
	constant, isText := args[1].(*parse.StringNode)
	if !isText {
		return "", "", false
	}
	return function.Ident, constant.Text, true
}

// visit changes the nodes of a list, and of the lists in it.
func visit(list *parse.ListNode, change func(parse.Node) parse.Node) {
	if list == nil {
		return
	}
	for i, node := range list.Nodes {
		list.Nodes[i] = change(node)
		switch node := node.(type) {
		case *parse.IfNode:
			visit(node.List, change)
			visit(node.ElseList, change)
		case *parse.RangeNode:
			visit(node.List, change)
			visit(node.ElseList, change)
		case *parse.WithNode:
			visit(node.List, change)
			visit(node.ElseList, change)
		}
	}
}
