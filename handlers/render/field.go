package render

import (
	"reflect"

	"daypass/models"
	"daypass/models/password"
)

// Field is a labelled control of a form, for partials/field.
type Field struct {
	ID    string // of the element; the name, unless the page has two of that name
	Label string
	Name  string
	// Type is text, email, password, search, number, code, money, date, checkbox,
	// textarea or select.
	Type         string
	Value        string          // of a select: that of the chosen option
	Options      []models.Choice // of a select
	Checked      bool            // of a checkbox
	Autocomplete string          // HTML autofill field name
	Hint         string
	Error        string
	Wait         Wait // how long until it is worth trying again; part of the error
	Optional     bool
	Focus        bool
}

// Wait is a span of time until something can be tried again, for partials/wait.
type Wait struct {
	Seconds int
	Words   string // the same, as people say it
}

// Errors returns what is wrong with the fields of a page, by their names.
func Errors(page Framed) map[string]string {
	errors := map[string]string{}
	value := reflect.Indirect(reflect.ValueOf(page))
	for i := range value.NumField() {
		if !value.Type().Field(i).IsExported() {
			continue
		}
		fields, _ := value.Field(i).Interface().([]Field)
		for _, field := range fields {
			if field.Error != "" {
				errors[field.Name] = field.Error
			}
		}
	}
	return errors
}

// Least is how many characters a new password has at least.
func (Field) Least() int { return password.MinLength }

// Element is the ID of the input.
func (f Field) Element() string {
	if f.ID != "" {
		return f.ID
	}
	return f.Name
}

// Describes is the ID of the element that explains the field, or nothing.
func (f Field) Describes() string {
	switch {
	case f.Error != "":
		return f.Element() + "-error"
	case f.Hint != "":
		return f.Element() + "-hint"
	}
	return ""
}

// Input is the type of the input element. A code may begin with zeros. An amount of money is text: an input for
// numbers refuses the comma or the point, depending on the language of the browser.
func (f Field) Input() string {
	if f.Type == "money" || f.Type == "code" {
		return "text"
	}
	return f.Type
}

// FocusFirst puts the cursor where there is something to do: into the first
// field that was refused, or else the first that is empty.
func FocusFirst(fields []Field) []Field {
	place := -1
	for i, field := range fields {
		if field.Error != "" {
			place = i
			break
		}
		if place < 0 && field.Value == "" && !field.Optional && field.Type != "checkbox" {
			place = i
		}
	}
	if place >= 0 {
		fields[place].Focus = true
	}
	return fields
}
