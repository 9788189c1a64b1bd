package identity

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"sync/atomic"
	"time"

	"daypass/models"
	"daypass/models/encryption"
)

// Purpose is what a challenge was made for, and for whom: a session, a pending sign-in
// or nobody in particular. It counts for nothing else.
type Purpose struct {
	For    string
	Holder string // the session or the pending sign-in
}

// What passkeys are asked for.
const (
	forCreation     = "create"
	forEnrolment    = "enrol"
	forSignIn       = "sign in"
	forSecondFactor = "second factor"
	forConfirmation = "confirm"
)

// Creation is the purpose of making a passkey in a session, also when that has another ID
// since: what is sent may wait until its user has confirmed who they are.
func Creation(session *models.Session) Purpose {
	return Purpose{forCreation, session.User.ID + "\x00" + session.Device + "\x00" + strconv.FormatInt(session.Created.Unix(), 10)}
}

// Enrolment is the purpose of making a passkey to finish a pending sign-in.
func Enrolment(pending *models.PendingSignIn) Purpose { return Purpose{forEnrolment, pending.ID} }

// WithoutPassword is the purpose of signing in with a passkey alone.
func WithoutPassword() Purpose { return Purpose{forSignIn, ""} }

// SecondFactor is the purpose of finishing a pending sign-in.
func SecondFactor(pending *models.PendingSignIn) Purpose {
	return Purpose{forSecondFactor, pending.ID}
}

// Confirmation is the purpose of confirming who the user of a session is.
func Confirmation(session *models.Session) Purpose { return Purpose{forConfirmation, session.ID} }

const (
	randomBytes = 16 // as WebAuthn Level 3, section 13.4.3, asks for
	timeBytes   = 8
	macBytes    = 16
)

// challenges makes and recognizes challenges without storing them: each is random, and
// has in it when it ends and a signature over that and its purpose. So a page that asks
// for one writes nothing, however many do.
type challenges struct{ keys atomic.Pointer[[][]byte] } // the first signs, all verify

func (c *challenges) setSecrets(secrets []string) {
	var keys [][]byte
	for _, secret := range secrets {
		keys = append(keys, encryption.DeriveKey(secret, "daypass passkey challenge"))
	}
	c.keys.Store(&keys)
}

// new returns a challenge that can be answered until a time.
func (c *challenges) new(purpose Purpose, until time.Time) []byte {
	challenge := make([]byte, randomBytes, randomBytes+timeBytes+macBytes)
	rand.Read(challenge) // never fails
	challenge = binary.BigEndian.AppendUint64(challenge, uint64(until.Unix()))
	return append(challenge, signature(challenge, purpose, (*c.keys.Load())[0])...)
}

// open returns a challenge that was made here for this purpose and hasn't expired.
func (c *challenges) open(text string, purpose Purpose, now time.Time) (models.Challenge, bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != randomBytes+timeBytes+macBytes {
		return models.Challenge{}, false
	}
	signed, mac := raw[:randomBytes+timeBytes], raw[randomBytes+timeBytes:]
	until := time.Unix(int64(binary.BigEndian.Uint64(signed[randomBytes:])), 0)
	for _, key := range *c.keys.Load() {
		if hmac.Equal(mac, signature(signed, purpose, key)) {
			return models.Challenge{Text: text, Expires: until}, until.After(now)
		}
	}
	return models.Challenge{}, false
}

func signature(challenge []byte, purpose Purpose, key []byte) []byte {
	hash := hmac.New(sha256.New, key)
	hash.Write(challenge) // of a fixed length
	hash.Write([]byte(purpose.For + "\x00" + purpose.Holder))
	return hash.Sum(nil)[:macBytes]
}
