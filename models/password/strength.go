package password

import (
	"fmt"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The lengths of a password. MinLength counts characters after normalisation
// (NIST SP 800-63B-4, section 3.1.1.2: 15 where the password is the only
// factor), MaxLength counts bytes.
const (
	MinLength = 15
	MaxLength = 1024
)

// Problem returns what is wrong with the length or the characters of a new
// password, or nothing. There are no rules of composition.
func Problem(password string) string {
	switch {
	case password == "":
		return "Choose a password."
	case len(password) > MaxLength:
		return fmt.Sprintf("This is too long: a password has at most %d bytes.", MaxLength)
	case !utf8.ValidString(password) || strings.ContainsRune(password, 0):
		return "This contains characters that can't be typed."
	}
	if utf8.RuneCount(normalize(password)) < MinLength {
		return fmt.Sprintf("Use at least %d characters; a few words are easy to remember.", MinLength)
	}
	return ""
}

// easyGuesses are too few: zxcvbn scores what takes more at least 3 of 4.
const easyGuesses = 1e8 + 5

// Guessable returns why a password is easy to guess, or nothing. It knows 30,000
// common and breached passwords, 64,000 words and names, also backwards and with symbols
// for letters, sequences, keyboard walks, dates and repetitions (NIST SP 800-63B-4,
// section 3.1.1.2; ASVS 5.0, 6.2.4, 6.2.11 and 6.2.12), and the names it is given. It takes
// about a third of the time of a hash: for a request, only the Limiter may call it.
func Guessable(password string, names ...string) string {
	letters := []rune(string(normalize(password)))
	known := []string{"daypass"}
	for _, name := range names {
		known = append(known, strings.Fields(name)...)
		known = append(known, strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })...)
	}
	guessed := cheapest(letters, known)
	if guessed.guesses > math.Log2(easyGuesses) && !madeOf(string(letters), known) {
		return ""
	}
	return "This is easy to guess: " + whyEasy(guessed.kinds, string(letters), known) + " Use a few words that don't belong together."
}

// madeOf tells whether little is left of a password once the names of the user and
// of the product are removed.
func madeOf(password string, names []string) bool {
	rest := strings.ToLower(password)
	for _, name := range names {
		if utf8.RuneCountInString(name) >= 3 {
			rest = strings.ReplaceAll(rest, strings.ToLower(name), "")
		}
	}
	return len(rest) < len(password) && utf8.RuneCountInString(rest) < 8
}

// whyEasy says what makes a password easy to guess.
func whyEasy(kinds kind, password string, names []string) string {
	switch {
	case kinds&ownName != 0 || madeOf(password, names):
		return "it is built from your name or the name of this site."
	case kinds&commonPassword != 0:
		return "it is on the list of common passwords, or made of one."
	case kinds&repetition != 0:
		return "it repeats itself."
	case kinds&walk != 0:
		return "it follows the alphabet, the numbers or the keyboard."
	}
	return "it is made of common words, names or dates."
}

// Implausible returns why a text can't be a password that was ever set, or nothing.
func Implausible(password string) string {
	switch {
	case password == "":
		return "Enter your password."
	case len(password) > MaxLength:
		return fmt.Sprintf("A password has at most %d bytes.", MaxLength)
	}
	return ""
}
