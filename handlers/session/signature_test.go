package session

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestS5WhatExpressSigns holds the known answers of Express's cookie-signature.
func TestS5WhatExpressSigns(t *testing.T) {
	t.Parallel()
	var vectors struct {
		Sign    []struct{ Value, Secret, Signed string }
		Reject  []string `json:"reject_under_keyboard_cat"`
		Encoded []struct{ Value, Secret, Cookie string }
	}
	content, err := os.ReadFile("testdata/cookie-signature.json")
	if err == nil {
		err = json.Unmarshal(content, &vectors)
	}
	if err != nil || len(vectors.Sign) < 6 || len(vectors.Reject) < 10 || len(vectors.Encoded) < 1 {
		t.Fatal("the vectors can't be read: ", err)
	}
	for _, v := range vectors.Sign {
		if signed := sign(v.Value, []byte(v.Secret)); signed != v.Signed {
			t.Errorf("%q is signed %q, not %q", v.Value, signed, v.Signed)
		}
		if value, ok := unsign(v.Signed, []byte(v.Secret)); !ok || value != v.Value {
			t.Errorf("%q holds %q, not %q", v.Signed, value, v.Value)
		}
	}
	for _, forged := range vectors.Reject {
		if value, ok := unsign(forged, []byte("keyboard cat")); ok {
			t.Errorf("%q passes as %q", forged, value)
		}
		if id, _, ok := newSigner([]string{"keyboard cat"}).idIn("s:" + forged); ok {
			t.Errorf("s:%q passes as %q", forged, id)
		}
	}
	for _, v := range vectors.Encoded {
		if id, _, ok := newSigner([]string{v.Secret}).idIn(v.Cookie); !ok || id != v.Value {
			t.Errorf("%q holds %q, not %q", v.Cookie, id, v.Value)
		}
	}
}

func TestS6AllSecretsVerifyAndTheFirstSigns(t *testing.T) {
	t.Parallel()
	before, after := newSigner([]string{"old"}), newSigner([]string{"new", "old"})
	if id, place, ok := after.idIn(before.cookie("x")); !ok || id != "x" || place != 1 {
		t.Error("what the old secret signed is refused")
	}
	if id, place, ok := after.idIn(after.cookie("x")); !ok || id != "x" || place != 0 {
		t.Error("the first secret does not sign")
	}
	if _, _, ok := before.idIn(after.cookie("x")); ok {
		t.Error("an unknown secret verifies")
	}
}

// TestAKeyMayBeTyped: in "daypass session end KEY" a dash would begin a flag.
func TestAKeyMayBeTyped(t *testing.T) {
	t.Parallel()
	for range 1000 {
		if key := keyOf(newID()); !regexp.MustCompile(`^[A-Z2-7]{26}$`).MatchString(key) {
			t.Fatalf("the key %q", key)
		}
	}
}

// TestIDsDiffer in each of their 256 bits.
func TestIDsDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	var set, unset [32]byte
	for range 10_000 {
		id := newID()
		bits, err := base64.RawURLEncoding.DecodeString(id)
		if err != nil || len(bits) != 32 || seen[id] || seen[keyOf(id)] {
			t.Fatalf("the ID %q", id)
		}
		seen[id], seen[keyOf(id)] = true, true
		for i, b := range bits {
			set[i], unset[i] = set[i]|b, unset[i]|^b
		}
	}
	for i := range 32 {
		if set[i] != 0xff || unset[i] != 0xff {
			t.Errorf("byte %d has bits that never change", i)
		}
	}
}

// TestADeviceMarkIsNoSessionCookie, nor the other way round: a mark has a key of
// its own, derived from the secret.
func TestADeviceMarkIsNoSessionCookie(t *testing.T) {
	t.Parallel()
	secret := "3Yx1dQ8mVt0sGpB7nKcJ5wLhRzE2aUfI"
	s := newSigner([]string{secret})
	browser, account := "BROWSER", "ada"
	_, signature, _ := strings.Cut(deviceMark(browser, account, s.devices[0]), ".")
	for _, value := range []string{browser, account, browser + account, browser + "\x00" + account, account + "\x00" + browser, browser + "." + account} {
		if id, _, ok := s.idIn("s:" + value + "." + signature); ok {
			t.Errorf("a mark opens the session %q", id)
		}
		_, cookie, _ := strings.Cut(s.cookie(value), ".")
		if deviceMark(browser, account, s.devices[0]) == browser+"."+cookie {
			t.Errorf("the cookie of the session %q is a mark", value)
		}
	}
}

// TestAFingerprintIsNoPlainHash: a table of hashes of known secrets finds none by it.
func TestAFingerprintIsNoPlainHash(t *testing.T) {
	t.Parallel()
	const secret = "3Yx1dQ8mVt0sGpB7nKcJ5wLhRzE2aUfI"
	sum := sha256.Sum256([]byte("daypass fingerprint\x00" + secret))
	if got, want := Fingerprint(secret), hex.EncodeToString(sum[:])[:8]; got != want {
		t.Errorf("the fingerprint is %s, not %s", got, want)
	}
}

// FuzzCookie looks for a value that opens something though it was not signed
// here, or that breaks the parser.
func FuzzCookie(f *testing.F) {
	s := newSigner([]string{"3Yx1dQ8mVt0sGpB7nKcJ5wLhRzE2aUfI", "q9ZkT4bXw6NvC1yHjM8sPgD3eRoA7uLi"})
	good := s.cookie("known")
	for _, seed := range []string{"", ".", "s:", "s:.", good, good + "=", "s%3Aknown.x", "%", "%zz", "s:known", "\x00", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, cookie string) {
		id, place, ok := s.idIn(cookie)
		if !ok {
			return
		}
		// Whatever is accepted is what one of the secrets would sign, as it is or percent-encoded.
		signed := "s:" + sign(id, s.secrets[place])
		if decoded, err := url.PathUnescape(cookie); id == "" || signed != cookie && (err != nil || signed != decoded) {
			t.Errorf("%q opens %q", cookie, id)
		}
	})
}
