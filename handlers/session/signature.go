package session

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"

	"daypass/models"
	"daypass/models/encryption"
)

// signer signs and verifies the value of the session cookie, byte for byte as
// the cookie-signature package of Express does.
type signer struct {
	secrets [][]byte      // the first signs, all verify
	names   []string      // fingerprints of the secrets, in the same order
	devices [][]byte      // keys of the device cookie, in the same order
	pending [][]byte      // likewise of the cookie of a pending sign-in
	forms   []expiringKey // those of forms that wait for a sign-in
}

func newSigner(secrets []string) *signer {
	s := &signer{}
	for _, secret := range secrets {
		s.secrets = append(s.secrets, []byte(secret))
		s.names = append(s.names, Fingerprint(secret))
		s.devices = append(s.devices, encryption.DeriveKey(secret, "daypass device cookie"))
		s.pending = append(s.pending, encryption.DeriveKey(secret, "daypass pending sign-in"))
		s.forms = append(s.forms, formKey(secret))
	}
	return s
}

// SeedKeys derives the keys of authenticator apps from secrets, in the same order.
func SeedKeys(secrets []string) (keys []models.SeedKey, err error) {
	for _, secret := range secrets {
		key, err := encryption.NewKey(secret, "daypass authenticator app")
		if err != nil {
			return nil, err
		}
		keys = append(keys, models.SeedKey{Key: key, Name: Fingerprint(secret)})
	}
	return keys, nil
}

// Fingerprint names a secret without telling it: eight hexadecimal digits.
func Fingerprint(secret string) string {
	sum := sha256.Sum256([]byte("daypass fingerprint\x00" + secret))
	return hex.EncodeToString(sum[:4])
}

// SetupToken returns the token of the link that creates the first account, so that all
// servers of an installation have the same, also after a restart.
func SetupToken(secret, installation string) string {
	return base32.StdEncoding.EncodeToString(encryption.DeriveKey(secret, "daypass setup link\x00"+installation))[:26]
}

// newID returns a session ID: 256 bits from crypto/rand (ASVS 5.0, 7.2.3 asks for 128).
func newID() string {
	var id [32]byte
	rand.Read(id[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// mac is the signature of a value: base64, standard alphabet, no padding.
func mac(value string, secret []byte) string {
	hash := hmac.New(sha256.New, secret)
	hash.Write([]byte(value))
	return base64.RawStdEncoding.EncodeToString(hash.Sum(nil))
}

// sign returns value and signature, separated by a dot.
func sign(value string, secret []byte) string { return value + "." + mac(value, secret) }

// unsign returns the signed value. The signature follows the last dot.
func unsign(signed string, secret []byte) (value string, ok bool) {
	dot := strings.LastIndexByte(signed, '.')
	if dot < 0 {
		return "", false
	}
	value = signed[:dot]
	// hmac.Equal takes the same time wherever the two differ.
	return value, hmac.Equal([]byte(signed[dot+1:]), []byte(mac(value, secret)))
}

// cookie returns what the session cookie holds for an ID.
func (s *signer) cookie(id string) string { return "s:" + sign(id, s.secrets[0]) }

// maxCookie is how many bytes a cookie may have in a browser (RFC 6265bis,
// section 5.6). To verify a longer one would only cost time.
const maxCookie = 4096

// idIn returns the ID that a cookie's value holds, percent-encoded or not, and
// which of the secrets signed it. It is ok only for what this server signed.
func (s *signer) idIn(cookie string) (id string, secret int, ok bool) {
	if len(cookie) > maxCookie {
		return "", 0, false
	}
	if strings.IndexByte(cookie, '%') >= 0 {
		decoded, err := url.PathUnescape(cookie)
		if err != nil {
			return "", 0, false
		}
		cookie = decoded
	}
	signed, found := strings.CutPrefix(cookie, "s:")
	if !found {
		return "", 0, false
	}
	for i, secret := range s.secrets {
		if id, ok := unsign(signed, secret); ok && id != "" {
			return id, i, true
		}
	}
	return "", 0, false
}

// keyOf is the database key of a session: the first 130 bits of the
// SHA-256 of its ID, so that a copy of the database opens no session. Letters and
// digits alone: it is typed on command lines, where a dash would begin a flag.
func keyOf(id string) string {
	sum := sha256.Sum256([]byte(id))
	return base32.StdEncoding.EncodeToString(sum[:20])[:26]
}
