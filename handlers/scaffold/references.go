package scaffold

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strings"
)

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
