package render

// Field is a labelled input, for partials/field.
type Field struct {
	ID           string // of the element; the name, unless the page has two of that name
	Label        string
	Name         string
	Type         string // of an input: text, password, number, date or checkbox
	Value        string
	Checked      bool   // of a checkbox
	Autocomplete string // HTML autofill field name
	Hint         string
	Error        string
	Optional     bool
	Focus        bool
}

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
