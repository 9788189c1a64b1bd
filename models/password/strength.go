package password

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/trustelem/zxcvbn"
	"github.com/trustelem/zxcvbn/match"
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

// The time that zxcvbn takes grows with the square of the length, and with the
// number of ways to read symbols as letters ("p@$$w0rd"), which doubles with each
// further kind of symbol. Within these bounds no password takes longer than a hash,
// and the beginning and the first symbols say enough about the strength.
const (
	strengthLength  = 48 // characters that are examined
	strengthSymbols = 3  // different symbols that may be letters
)

// boundedForStrength returns the part of a password from which its strength is judged.
func boundedForStrength(password []rune) string {
	var symbols []rune
	return strings.Map(func(letter rune) rune {
		if !strings.ContainsRune("@([{<!|$+%", letter) || slices.Contains(symbols, letter) {
			return letter
		}
		if len(symbols) == strengthSymbols {
			return '_'
		}
		symbols = append(symbols, letter)
		return letter
	}, string(password[:min(len(password), strengthLength)]))
}

// Guessable returns why a password is easy to guess, or nothing. It knows 30,000
// common and breached passwords, words, names, keyboard walks, dates and repetitions
// (zxcvbn; NIST SP 800-63B-4, section 3.1.1.2; ASVS 5.0, 6.2.4, 6.2.11 and 6.2.12),
// and the names it is given. It takes about as long as a hash: for a request, only
// the Limiter may call it.
func Guessable(password string, names ...string) string {
	letters := []rune(string(normalize(password)))
	known := []string{"daypass"}
	for _, name := range names {
		known = append(known, strings.Fields(name)...)
	}
	guessed := zxcvbn.PasswordStrength(boundedForStrength(letters), known)
	if guessed.Score >= 3 && !madeOf(string(letters), known) {
		return ""
	}
	return "This is easy to guess: " + whyEasy(guessed.Sequence, string(letters), known) + " Use a few words that don't belong together."
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
func whyEasy(found []*match.Match, password string, names []string) string {
	if madeOf(password, names) {
		return "it is built from your name or the name of this site."
	}
	for _, part := range found {
		switch {
		case part.DictionaryName == "user_inputs":
			return "it is built from your name or the name of this site."
		case part.DictionaryName == "passwords":
			return "it is on the list of common passwords, or made of one."
		case part.Pattern == "repeat":
			return "it repeats itself."
		case part.Pattern == "sequence" || part.Pattern == "spatial":
			return "it follows the alphabet, the numbers or the keyboard."
		}
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
