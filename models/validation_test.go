package models

import (
	"strings"
	"testing"
)

func TestValidationErrorRefusesFields(t *testing.T) {
	t.Parallel()
	text := func(e ValidationError, typed *string) { e.Text("x", typed, 5) }
	number := func(e ValidationError, typed *string) { e.Number("x", typed) }
	date := func(e ValidationError, typed *string) { e.Date("x", typed) }
	lines := func(e ValidationError, typed *string) { e.LongText("x", typed) }
	email := func(e ValidationError, typed *string) { e.Email("x", typed) }
	choice := func(e ValidationError, typed *string) {
		e.Choice("x", *typed, []Choice{{"open", "Open"}, {"paid", "Paid"}})
	}
	for name, c := range map[string]struct {
		check func(ValidationError, *string)
		typed string
		kept  string // empty: it is refused
	}{
		"text":             {text, " ab ", "ab"},
		"as long as may":   {text, "äöüäö", "äöüäö"},
		"composed":         {text, "e\u0301", "é"},
		"empty":            {text, "  ", ""},
		"zero width":       {text, "\u200b\u2060", ""},
		"Hangul filler":    {text, "\u3164", ""},
		"Braille blank":    {text, "\u2800", ""},
		"mark alone":       {text, "\u0301", ""},
		"joined":           {text, "نمی\u200c", "نمی\u200c"},
		"too long":         {text, "abcdef", ""},
		"two lines":        {text, "a\nb", ""},
		"no text":          {text, "\xff", ""},
		"NUL":              {text, "a\x00", ""},
		"number":           {number, " 012", "12"},
		"negative":         {number, "-7", "-7"},
		"no number":        {number, "1.5", ""},
		"too large":        {number, strings.Repeat("9", 20), ""},
		"date":             {date, "2026-02-28", "2026-02-28"},
		"no such day":      {date, "2026-02-30", ""},
		"lines":            {lines, "\r\na \r\n\r\n\tb\ne\u0301\r\n", "a\n\n\tb\né"},
		"lines with NUL":   {lines, "a\nb\x00", ""},
		"too many lines":   {lines, strings.Repeat("a\n", MaxLongText), ""},
		"e-mail":           {email, " ada+x@example.org ", "ada+x@example.org"},
		"in Unicode":       {email, "jürgen@bücher.example", "jürgen@bücher.example"},
		"with a name":      {email, "Ada <ada@example.org>", ""},
		"no domain":        {email, "ada@", ""},
		"no e-mail":        {email, "", ""},
		"two addresses":    {email, "a@example.org, b@example.org", ""},
		"chosen":           {choice, "paid", "paid"},
		"no choice":        {choice, "Paid", ""},
		"not chosen":       {choice, "", ""},
		"in another order": {date, "28.02.2026", ""},
	} {
		refused := ValidationError{}
		typed := c.typed
		c.check(refused, &typed)
		if (refused.OrNil() != nil) != (c.kept == "") || refused.OrNil() == nil && typed != c.kept || len(refused) > 1 {
			t.Errorf("%s: %q became %q, %v", name, c.typed, typed, refused)
		}
	}
}

func TestALongTextMayBeEmpty(t *testing.T) {
	t.Parallel()
	refused, typed := ValidationError{}, " \r\n"
	if refused.LongText("x", &typed); typed != "" || len(refused) > 0 {
		t.Errorf("%q, %v", typed, refused)
	}
}
