package models

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"daypass/models/database"
)

// ValidationError says what is wrong with what somebody typed: a sentence for each
// field, by its name in the form. An empty one is no error; see OrNil.
type ValidationError map[string]string

func (e ValidationError) Error() string {
	var sentences []string
	for _, field := range slices.Sorted(maps.Keys(e)) {
		sentences = append(sentences, field+": "+e[field])
	}
	return strings.Join(sentences, " ")
}

// OrNil is the error, when anything was refused.
func (e ValidationError) OrNil() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

// Text refuses a text in which there is nothing to see, has more than most characters, or is not
// one line of text. What is left has the form in which it is kept: NFC, without
// space around it.
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

// Number refuses what is no whole number of 64 bits. What is left has the form
// in which Go and SQL write it.
func (e ValidationError) Number(field string, typed *string) {
	number, err := strconv.ParseInt(strings.TrimSpace(*typed), 10, 64)
	if err != nil {
		e[field] = "This is not a whole number."
		return
	}
	*typed = strconv.FormatInt(number, 10)
}

// Date refuses what is no day in the form 2006-01-02 (ISO 8601), in which
// browsers send it.
func (e ValidationError) Date(field string, typed *string) {
	if _, err := time.Parse(time.DateOnly, *typed); err != nil {
		e[field] = "This is not a date such as 2006-01-02."
	}
}

// normalizeLine puts a text into the form in which it is kept. It is ok only for
// valid text without control characters.
func normalizeLine(typed string) (text string, ok bool) {
	if !utf8.ValidString(typed) || strings.ContainsFunc(typed, unicode.IsControl) {
		return "", false
	}
	return norm.NFC.String(strings.TrimSpace(typed)), true
}

// visible tells whether a text has a character that can be seen by itself. Spaces
// can't, nor accents without a letter, nor what Unicode says is shown as nothing:
// zero-width characters, Hangul fillers, variation selectors.
func visible(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool {
		return unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S) && !database.Ignorable(r) && r != '\u2800' // Braille without a dot
	})
}
