package database

import (
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Conditions collects what a row has to meet, with numbered parameters.
type Conditions struct {
	Values []any // of the placeholders
	texts  []string
}

// Place adds a value and returns its placeholder. Values are placed in the
// order in which the statement names them: SQLite numbers by appearance.
func (c *Conditions) Place(value any) string {
	c.Values = append(c.Values, value)
	return "$" + strconv.Itoa(len(c.Values))
}

// Add asks for a condition that ends with a value, such as `id = `, if when is true.
func (c *Conditions) Add(when bool, condition string, value any) {
	if when {
		c.texts = append(c.texts, condition+c.Place(value))
	}
}

// AddIf asks for a condition without a value, if when is true.
func (c *Conditions) AddIf(when bool, condition string) {
	if when {
		c.texts = append(c.texts, condition)
	}
}

// AddIn asks for a column that has one of some values.
func (c *Conditions) AddIn(column string, values []string) {
	var places []string
	for _, value := range values {
		places = append(places, c.Place(value))
	}
	if len(values) == 0 { // PostgreSQL refuses an empty list
		c.texts = append(c.texts, `FALSE`)
		return
	}
	c.texts = append(c.texts, column+` IN (`+strings.Join(places, `, `)+`)`)
}

// AddText asks for all words of a text, each as a part of one of some columns,
// which hold what SearchKey returned or lower-case ASCII.
func (c *Conditions) AddText(text string, columns ...string) {
	for word := range strings.FieldsSeq(SearchKey(text)) {
		place := c.Place("%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(word) + "%")
		var any []string
		for _, column := range columns {
			any = append(any, column+` LIKE `+place+` ESCAPE '\'`)
		}
		c.texts = append(c.texts, `(`+strings.Join(any, ` OR `)+`)`)
	}
}

// All is the conditions, for use after WHERE.
func (c *Conditions) All() string { return strings.Join(c.texts, ` AND `) }

// Where is the conditions with WHERE before them, or nothing if there are none.
func (c *Conditions) Where() string {
	if len(c.texts) == 0 {
		return ""
	}
	return ` WHERE ` + c.All()
}

// SearchKey returns texts in the form in which they are searched. Differences of
// case, of how accents were typed, of width, and invisible characters don't count
// (Unicode, NFKC_Casefold). A table that can be searched has the key in a column
// beside what is shown, for AddText: how a database folds depends on its build.
func SearchKey(texts ...string) string {
	key := cases.Fold().String(norm.NFKC.String(strings.Join(texts, " ")))
	return norm.NFKC.String(strings.Map(func(r rune) rune {
		if Ignorable(r) {
			return -1
		}
		return r
	}, key))
}

// Ignorable tells whether a character is displayed as nothing (Unicode, Default_Ignorable_Code_Point).
func Ignorable(r rune) bool {
	return unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}
