package models

import (
	"fmt"
	"maps"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"daypass/models/database"
)

// ValidationError says what is wrong with the fields of a form: a sentence for each,
// by the field's name. An empty one is not an error; see OrNil.
type ValidationError map[string]string

func (e ValidationError) Error() string {
	var sentences []string
	for _, field := range slices.Sorted(maps.Keys(e)) {
		sentences = append(sentences, field+": "+e[field])
	}
	return strings.Join(sentences, " ")
}

// OrNil is the error, or nil if no field was refused.
func (e ValidationError) OrNil() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

// Text refuses a text that has no visible character, has more than most characters,
// or is not one line. It puts an accepted one into the form in which it is stored:
// NFC, without space around it.
func (e ValidationError) Text(field string, typed *string, most int) {
	text, ok := normalizeLine(*typed)
	switch {
	case !ok:
		e[field] = "This contains characters that can't be shown."
	case !visible(text):
		e[field] = "Required."
	case utf8.RuneCountInString(text) > most:
		e[field] = fmt.Sprintf("Use at most %d characters.", most)
	default:
		*typed = text
	}
}

// LongText refuses a text that has more than MaxLongText characters, or characters that
// can't be shown. Lines may be empty, and so may the text: it is optional.
func (e ValidationError) LongText(field string, typed *string) {
	lines := strings.Split(strings.ReplaceAll(*typed, "\r\n", "\n"), "\n") // a form sends CR LF
	for i, line := range lines {
		if _, ok := normalizeLine(strings.ReplaceAll(line, "\t", " ")); !ok {
			e[field] = "This contains characters that can't be shown."
			return
		}
		lines[i] = norm.NFC.String(strings.TrimRight(line, " \t"))
	}
	text := strings.Trim(strings.Join(lines, "\n"), "\n")
	if utf8.RuneCountInString(text) > MaxLongText {
		e[field] = fmt.Sprintf("Use at most %d characters.", MaxLongText)
		return
	}
	*typed = text
}

// Email refuses what is not an e-mail address, such as ada@example.org. Whether
// mail arrives there only a mail can tell.
func (e ValidationError) Email(field string, typed *string) {
	e.Text(field, typed, MaxEmail)
	if _, refused := e[field]; refused {
		return
	}
	address, err := mail.ParseAddress(*typed)
	if err != nil || address.Address != *typed {
		e[field] = "This is not an e-mail address such as ada@example.org."
	}
}

// Choice is an entry of a select.
type Choice struct {
	Value string `db:"value"` // what is stored
	Label string `db:"label"` // what people read
}

// Choice refuses what is none of the choices.
func (e ValidationError) Choice(field, chosen string, choices []Choice) {
	switch {
	case chosen == "":
		e[field] = "Required."
	case !slices.ContainsFunc(choices, func(choice Choice) bool { return choice.Value == chosen }):
		e[field] = "Choose one of the list."
	}
}

// LabelOf returns what people read for a stored value: its label, or the value itself
// when it is no choice any more.
func LabelOf(value string, choices []Choice) string {
	for _, choice := range choices {
		if choice.Value == value {
			return choice.Label
		}
	}
	return value
}

// Number refuses what is not a whole number of 64 bits. It puts an accepted one into
// the form in which Go and SQL write it.
func (e ValidationError) Number(field string, typed *string) {
	number, err := strconv.ParseInt(strings.TrimSpace(*typed), 10, 64)
	if err != nil {
		e[field] = "This is not a whole number."
		return
	}
	*typed = strconv.FormatInt(number, 10)
}

// Date refuses what is not a day in the form 2006-01-02 (ISO 8601), which browsers send.
func (e ValidationError) Date(field string, typed *string) {
	if _, err := time.Parse(time.DateOnly, *typed); err != nil {
		e[field] = "This is not a date such as 2006-01-02."
	}
}

// normalizeLine puts a text into the form in which it is stored. It is ok only for
// valid text without control characters.
func normalizeLine(typed string) (text string, ok bool) {
	if !utf8.ValidString(typed) || strings.ContainsFunc(typed, func(r rune) bool { return unicode.IsControl(r) || unicode.In(r, lineControl) }) {
		return "", false
	}
	return norm.NFC.String(strings.TrimSpace(typed)), true
}

// lineControl are the characters that break lines or turn the direction of the
// text that follows (Unicode Standard Annex 9), so that it reads as something else.
var lineControl = &unicode.RangeTable{R16: []unicode.Range16{
	{Lo: 0x2028, Hi: 0x202e, Stride: 1}, // line and paragraph separator, embedding and override
	{Lo: 0x2066, Hi: 0x2069, Stride: 1}, // isolates
}}

// visible tells whether a text has a character that is visible by itself. Spaces and
// accents without a letter are not, nor are the characters that Unicode displays as
// nothing: zero-width characters, Hangul fillers, variation selectors.
func visible(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool {
		return unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S) && !database.Ignorable(r) &&
			!strings.ContainsRune("\u2800\ufffc\U0001d159", r) // Braille without a dot, a place for an object, a note without a head
	})
}
