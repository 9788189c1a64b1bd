// Package encryption encrypts texts with keys that are derived from a secret.
package encryption

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

// Key encrypts with AES-256-GCM. Two keys with different purposes have nothing to do
// with each other.
type Key struct{ aead cipher.AEAD }

// DeriveKey derives the 256 bits for one purpose from a secret of 256 random bits, which
// needs no salt (HKDF, RFC 5869). What is signed with one is no valid signature of another.
func DeriveKey(secret, purpose string) []byte {
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, purpose, sha256.Size)
	if err != nil { // the length is fixed, and far below the limit
		panic(err)
	}
	return key
}

// NewKey returns the key for one purpose, see DeriveKey.
func NewKey(secret, purpose string) (Key, error) {
	block, err := aes.NewCipher(DeriveKey(secret, purpose))
	if err != nil {
		return Key{}, fmt.Errorf("make a cipher: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return Key{aead}, err
}

// Encrypt returns a text encrypted, as base64. It can be decrypted only with what it is
// bound to.
func (k Key) Encrypt(text, boundTo string) string {
	return base64.RawURLEncoding.EncodeToString(k.aead.Seal(nil, nil, []byte(text), []byte(boundTo)))
}

// Decrypt returns what Encrypt encrypted with this key. It is not ok if that was changed,
// or bound to something else.
func (k Key) Decrypt(encrypted, boundTo string) (text string, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(encrypted)
	if err != nil {
		return "", false
	}
	opened, err := k.aead.Open(nil, nil, raw, []byte(boundTo))
	return string(opened), err == nil
}
