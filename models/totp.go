package models

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"time"
)

// The codes of authenticator apps (TOTP, RFC 6238), as all apps know them: SHA-1, 6
// digits, 30 seconds.
const (
	codeStep   = 30 * time.Second
	codeDigits = 6
	seedLength = 20 // bytes: 160 bits (RFC 4226, section 4)
)

// NewSeed returns a new seed for an authenticator app, in base32, as apps take it.
func NewSeed() string {
	seed := make([]byte, seedLength)
	rand.Read(seed) // never fails
	return base32.StdEncoding.EncodeToString(seed)
}

// Code returns the code that an authenticator app with a seed shows at a time.
func Code(seed string, at time.Time) string { return codeOf(seed, stepOf(at)) }

// stepOf numbers the spans of time for each of which there is one code.
func stepOf(at time.Time) int64 { return at.Unix() / int64(codeStep.Seconds()) }

func codeOf(seed string, step int64) string {
	key, _ := base32.StdEncoding.DecodeString(seed) // as NewSeed has written it
	hash := hmac.New(sha1.New, key)
	binary.Write(hash, binary.BigEndian, step)
	sum := hash.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	return fmt.Sprintf("%0*d", codeDigits, (binary.BigEndian.Uint32(sum[at:])&0x7fffffff)%1_000_000)
}

// matchCode returns the step whose code was entered, of those that are at most so far
// from now. It takes the same time whichever matches.
func matchCode(seed, code string, now time.Time, within int64) (step int64, ok bool) {
	for try := stepOf(now) - within; try <= stepOf(now)+within; try++ {
		if subtle.ConstantTimeCompare([]byte(codeOf(seed, try)), []byte(code)) == 1 {
			step, ok = try, true
		}
	}
	return step, ok
}

// codeSteps is how many steps the clock of a phone may be off, and driftSteps how far it
// is looked for when an app is added, to say which clock is wrong.
const (
	codeSteps  = 1
	driftSteps = 20
)
