package models

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
)

// The lengths of names, in characters (Unicode code points).
const (
	MaxUsername = 64
	MaxFullName = 200
)

// Username checks a username and returns it in two forms: as it is shown, and
// as it is compared. The rules are those of RFC 8265, section 3: letters, digits
// and the printable ASCII characters, no spaces; full-width and half-width forms,
// the composition of accents and the case of letters make no difference. It has
// 1 to 64 characters. The third value is false when the name can be nobody's.
func Username(typed string) (shown, compared string, ok bool) {
	typed = strings.TrimSpace(typed)
	if typed == "" || len(typed) > MaxUsername*utf8.UTFMax || !utf8.ValidString(typed) {
		return "", "", false
	}
	shown, err := precis.UsernameCasePreserved.String(typed)
	if err != nil {
		return "", "", false
	}
	compared, err = precis.UsernameCaseMapped.String(typed)
	if err != nil || utf8.RuneCountInString(shown) > MaxUsername || utf8.RuneCountInString(compared) > MaxUsername {
		return "", "", false
	}
	return shown, compared, true
}

// usernameRule is what a person is told whose choice of name is refused.
const usernameRule = "Use 1–64 letters, digits or symbols like . _ - @. No spaces."

// fullName checks a full name: at most 200 characters, any script, no control
// characters. It may be empty, but not look so.
func fullName(typed string) (name string, complaint string) {
	name, ok := normalizeLine(typed)
	if !ok {
		return "", "This contains characters that can't be shown."
	}
	if name != "" && !visible(name) {
		return "", "This has no character that can be seen."
	}
	if utf8.RuneCountInString(name) > MaxFullName {
		return "", "Use at most 200 characters."
	}
	return name, ""
}
