package scaffold

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

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

// Numeric columns are aligned to the right, unless they name the row.
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

// RefVar is the variable of a test that holds what a column refers to.
func (c column) RefVar() string { return lower(goName(c.Name)) + "ID" }

// choiceLabel is what people read for a choice: In progress for in-progress.
func choiceLabel(choice string) string { return capital(strings.ReplaceAll(choice, "-", " ")) }
