package scaffold

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
)

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
