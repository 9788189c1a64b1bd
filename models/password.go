package models

import (
	"crypto/rand"
	"crypto/subtle"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/trustelem/zxcvbn"
	"github.com/trustelem/zxcvbn/match"
	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// The lengths of a password. The least counts characters after normalisation
// (NIST SP 800-63B-4, section 3.1.1.2: 15 where the password is the only
// factor); the most counts bytes.
const (
	MinPassword = 15
	MaxPassword = 1024
)

// The cost of a hash: argon2id with 19 MiB, 2 passes, 1 lane
// (OWASP Password Storage Cheat Sheet; ASVS 5.0, 11.4.2).
const (
	hashMemory = 19456 // KiB
	hashTime   = 2
	hashLanes  = 1
	saltBytes  = 16
	hashBytes  = 32
)

// parameters are what a stored hash was made with.
type parameters struct {
	memory, time uint32
	lanes        uint8
	salt, hash   []byte
}

// PasswordHash is what is kept of a user's password: argon2id in PHC form, or
// nothing as long as none was set. Whatever prints, logs or encodes it gets
// "***", and it has no method that returns it: templates can call those. It
// points to its text because fmt looks into fields that are not exported.
type PasswordHash struct{ phc *string }

func newPasswordHash(password string) (PasswordHash, error) {
	phc, err := hashPassword(password)
	return PasswordHash{&phc}, err
}

// Scan reads what the database holds.
func (h *PasswordHash) Scan(from any) error {
	var phc sql.NullString
	err := phc.Scan(from)
	h.phc = &phc.String
	return err
}

// Format prints "***", whatever is asked for.
func (PasswordHash) Format(to fmt.State, _ rune) { io.WriteString(to, "***") }

// MarshalText encodes it as "***".
func (PasswordHash) MarshalText() ([]byte, error) { return []byte("***"), nil }

// text is what the database holds.
func (h PasswordHash) text() string {
	if h.phc == nil {
		return ""
	}
	return *h.phc
}

// hashPassword returns the hash of a password with a new salt, in PHC form. It
// takes some 30 ms of one core and 19 MiB; only the gate may call it for a request.
func hashPassword(password string) (string, error) {
	salt := make([]byte, saltBytes)
	rand.Read(salt) // never fails
	hash := argon2.IDKey(normalPassword(password), salt, hashTime, hashMemory, hashLanes, hashBytes)
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, hashMemory, hashTime, hashLanes, encode(salt), encode(hash)), nil
}

// normalPassword makes the same characters the same bytes, whatever keyboard
// they were typed on (NIST SP 800-63B-4, section 3.1.1.2).
func normalPassword(password string) []byte { return norm.NFC.Bytes([]byte(password)) }

// readHash takes a PHC string apart. Costs that would exhaust the server are refused:
// they can only come from a damaged or a planted row.
func readHash(phc string) (parameters, error) {
	var p parameters
	wrong := errors.New("not an argon2id hash in PHC form with acceptable costs")
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, wrong
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.time, &p.lanes); err != nil ||
		parts[3] != fmt.Sprintf("m=%d,t=%d,p=%d", p.memory, p.time, p.lanes) {
		return p, wrong
	}
	var saltErr, hashErr error
	p.salt, saltErr = base64.RawStdEncoding.Strict().DecodeString(parts[4])
	p.hash, hashErr = base64.RawStdEncoding.Strict().DecodeString(parts[5])
	switch {
	case saltErr != nil || hashErr != nil,
		p.memory < 8*uint32(p.lanes) || p.memory > 256<<10,
		p.time < 1 || p.time > 16,
		p.lanes < 1 || p.lanes > 16,
		len(p.salt) < 8 || len(p.salt) > 64,
		len(p.hash) < 16 || len(p.hash) > 64:
		return p, wrong
	}
	return p, nil
}

// matches tells in constant time whether password is the one that was hashed.
func (p parameters) matches(password string) bool {
	hash := argon2.IDKey(normalPassword(password), p.salt, p.time, p.memory, p.lanes, uint32(len(p.hash)))
	return subtle.ConstantTimeCompare(hash, p.hash) == 1
}

// outdated tells whether the costs are no longer those of a new hash.
func (p parameters) outdated() bool {
	return p.memory != hashMemory || p.time != hashTime || p.lanes != hashLanes || len(p.salt) != saltBytes || len(p.hash) != hashBytes
}

// complainOfPassword returns what is wrong with the length or the characters of a
// password that somebody chose, or nothing. There are no rules of composition.
func complainOfPassword(password string) string {
	switch {
	case password == "":
		return "Choose a password."
	case len(password) > MaxPassword:
		return fmt.Sprintf("This is too long: a password has at most %d bytes.", MaxPassword)
	case !utf8.ValidString(password) || strings.ContainsRune(password, 0):
		return "This contains characters that can't be typed."
	}
	if utf8.RuneCount(normalPassword(password)) < MinPassword {
		return fmt.Sprintf("Use at least %d characters; a few words are easy to remember.", MinPassword)
	}
	return ""
}

// The time of zxcvbn grows with the square of the length, and with the number of
// ways to read signs as letters ("p@$$w0rd"), which doubles with each further
// sign that is one. Within these bounds no password takes longer than a hash. The
// beginning and the first signs are telling enough.
const (
	strengthLength = 48 // characters that are looked at
	strengthSigns  = 3  // different signs that may be letters
)

// boundedForStrength returns as much of a password as its strength is told by.
func boundedForStrength(password []rune) string {
	var signs []rune
	return strings.Map(func(letter rune) rune {
		if !strings.ContainsRune("@([{<!|$+%", letter) || slices.Contains(signs, letter) {
			return letter
		}
		if len(signs) == strengthSigns {
			return '_'
		}
		signs = append(signs, letter)
		return letter
	}, string(password[:min(len(password), strengthLength)]))
}

// whyGuessable returns why a password is guessed first, or nothing: zxcvbn
// knows 30,000 common and breached passwords, words, names, keyboard walks,
// dates and repetitions (NIST SP 800-63B-4, section 3.1.1.2; ASVS 5.0, 6.2.4,
// 6.2.11 and 6.2.12). It takes about as long as a hash; only the gate may call
// it for a request.
func whyGuessable(password string, names ...string) string {
	letters := []rune(string(normalPassword(password)))
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

// madeOf tells whether little is left of a password without the names of the
// user and of the product.
func madeOf(password string, names []string) bool {
	rest := strings.ToLower(password)
	for _, name := range names {
		if utf8.RuneCountInString(name) >= 3 {
			rest = strings.ReplaceAll(rest, strings.ToLower(name), "")
		}
	}
	return len(rest) < len(password) && utf8.RuneCountInString(rest) < 8
}

// whyEasy says what made a password easy to guess.
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

// decoy is what the password of an unknown user is compared with: it costs what
// a real one costs, and nothing matches it.
func decoy() parameters {
	p := parameters{memory: hashMemory, time: hashTime, lanes: hashLanes, salt: make([]byte, saltBytes), hash: make([]byte, hashBytes)}
	rand.Read(p.salt)
	rand.Read(p.hash)
	return p
}
