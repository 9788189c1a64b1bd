package models

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
)

// Username checks a username and returns the form that is shown and the form that is
// compared. The rules are those of RFC 8265, section 3: letters, digits
// and the printable ASCII characters, no spaces; full-width and half-width forms,
// the composition of accents and the case of letters make no difference. It has
// 1 to 64 characters. The third value is false if no user can have this name.
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

// usernameRule is the message for a username that is refused.
const usernameRule = "Use 1–64 letters, digits or symbols like . _ - @. No spaces."

// fullName checks the full name of a user.
func fullName(typed string) (name string, complaint string) { return displayName(typed, MaxFullName) }

// displayName checks a name: so many characters of any script, without control
// characters. It may be empty, but must not look empty.
func displayName(typed string, most int) (name string, complaint string) {
	name, ok := normalizeLine(typed)
	if !ok {
		return "", "This contains characters that can't be shown."
	}
	if name != "" && !visible(name) {
		return "", "This has no character that can be seen."
	}
	if utf8.RuneCountInString(name) > most {
		return "", fmt.Sprintf("Use at most %d characters.", most)
	}
	return name, ""
}
