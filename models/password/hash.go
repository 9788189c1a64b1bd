// Package password hashes passwords (argon2id), says how strong they are, and
// bounds how many are hashed at a time. It knows no users.
package password

import (
	"crypto/rand"
	"crypto/subtle"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

const (
	saltBytes = 16
	hashBytes = 32
)

// Cost is what an argon2id hash costs.
type Cost struct {
	Memory uint32 // KiB
	Passes uint32
	Lanes  uint8
}

var (
	// Recommended is what a hash costs: some 30 ms of one core
	// (OWASP Password Storage Cheat Sheet; ASVS 5.0, 11.4.2).
	Recommended = Cost{Memory: 19456, Passes: 2, Lanes: 1}

	// Cheapest is for tests, which hash thousands of passwords.
	Cheapest = Cost{Memory: 8, Passes: 1, Lanes: 1}

	cost = Recommended
)

// SetCost sets what new hashes cost from now on. Only tests call it.
func SetCost(of Cost) { cost = of }

// Parameters are what a stored hash consists of.
type Parameters struct {
	Cost
	salt, hash []byte
}

// Hash is what is stored of a password: argon2id in PHC form, or nothing as long as
// none was set. Printing, logging or encoding it gives "***", and PHC is a function
// because templates can call methods. It points to its text because fmt prints
// fields that are not exported.
type Hash struct{ phc *string }

// New returns the hash of a password with a new salt. For a request,
// only the Limiter may call it: it takes a core and 19 MiB for a while.
func New(password string) Hash {
	salt := make([]byte, saltBytes)
	rand.Read(salt) // never fails
	hash := argon2.IDKey(normalize(password), salt, cost.Passes, cost.Memory, cost.Lanes, hashBytes)
	encode := base64.RawStdEncoding.EncodeToString
	phc := fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, cost.Memory, cost.Passes, cost.Lanes, encode(salt), encode(hash))
	return Hash{&phc}
}

// Scan reads what the database holds.
func (h *Hash) Scan(from any) error {
	var phc sql.NullString
	err := phc.Scan(from)
	h.phc = &phc.String
	return err
}

// Format prints "***" for every verb.
func (Hash) Format(to fmt.State, _ rune) { io.WriteString(to, "***") }

// MarshalText encodes it as "***".
func (Hash) MarshalText() ([]byte, error) { return []byte("***"), nil }

// PHC returns the text that the database holds.
func PHC(h Hash) string {
	if h.phc == nil {
		return ""
	}
	return *h.phc
}

// normalize gives the same characters the same bytes, regardless of the keyboard
// on which they were typed (NIST SP 800-63B-4, section 3.1.1.2).
func normalize(password string) []byte { return norm.NFC.Bytes([]byte(password)) }

// Parse reads the parameters of a hash. Costs that would exhaust the server are
// refused: they can only come from a damaged or a planted row.
func Parse(h Hash) (Parameters, error) {
	phc := PHC(h)
	var p Parameters
	wrong := errors.New("not an argon2id hash in PHC form with acceptable costs")
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, wrong
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.Memory, &p.Passes, &p.Lanes); err != nil ||
		parts[3] != fmt.Sprintf("m=%d,t=%d,p=%d", p.Memory, p.Passes, p.Lanes) {
		return p, wrong
	}
	var saltErr, hashErr error
	p.salt, saltErr = base64.RawStdEncoding.Strict().DecodeString(parts[4])
	p.hash, hashErr = base64.RawStdEncoding.Strict().DecodeString(parts[5])
	switch {
	case saltErr != nil || hashErr != nil,
		p.Memory < 8*uint32(p.Lanes) || p.Memory > 256<<10,
		p.Passes < 1 || p.Passes > 16,
		p.Lanes < 1 || p.Lanes > 16,
		len(p.salt) < 8 || len(p.salt) > 64,
		len(p.hash) < 16 || len(p.hash) > 64:
		return p, wrong
	}
	return p, nil
}

// Matches tells in constant time whether password is the one that was hashed.
func (p Parameters) Matches(password string) bool {
	hash := argon2.IDKey(normalize(password), p.salt, p.Passes, p.Memory, p.Lanes, uint32(len(p.hash)))
	return subtle.ConstantTimeCompare(hash, p.hash) == 1
}

// Outdated tells whether the costs are no longer those of a new hash.
func (p Parameters) Outdated() bool {
	return p.Cost != cost || len(p.salt) != saltBytes || len(p.hash) != hashBytes
}

// Dummy is what the password of an unknown user is compared with: it costs as much
// as a real hash, and nothing matches it.
func Dummy() Parameters {
	p := Parameters{Cost: cost, salt: make([]byte, saltBytes), hash: make([]byte, hashBytes)}
	rand.Read(p.salt)
	rand.Read(p.hash)
	return p
}
