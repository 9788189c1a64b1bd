package scaffold

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

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
