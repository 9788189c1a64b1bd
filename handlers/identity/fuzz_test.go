package identity_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"daypass/handlers/identity"
	"daypass/handlers/sitetest"
	"daypass/models"
)

// FuzzAnswer answers a question that was asked with anything at all: what uses a passkey
// never counts without the signature of its key, and what makes one is never an error of
// the server. So the answers get as far as a device could bring them.
func FuzzAnswer(f *testing.F) {
	p, db, ada, public := passkeys(f)
	key := storedWith(f, db, ada, public)
	session := &models.Session{ID: "s", User: *ada}
	const placeholder = "CHALLENGE"
	using := func(t testing.TB) string {
		options, err := p.Options(t.Context(), identity.WithoutPassword(), nil)
		sitetest.Must(t, err)
		return options
	}
	making := func(t testing.TB) (options, handle string) {
		options, handle, err := p.CreationOptions(t.Context(), &session.User, identity.Creation(session))
		sitetest.Must(t, err)
		return options, handle
	}
	type answer struct {
		Response struct{ ClientDataJSON, AuthenticatorData, Signature, AttestationObject string }
	}
	decoded := func(text string) []byte {
		content, err := base64.RawURLEncoding.DecodeString(text)
		sitetest.Must(f, err)
		return content
	}
	for _, flags := range []byte{0, sitetest.Present, sitetest.Present | sitetest.Verified, 0xff &^ 64} {
		key.Flags = flags
		var used, made answer
		options := using(f)
		sitetest.Must(f, json.Unmarshal([]byte(key.Answer(options)), &used))
		client := strings.ReplaceAll(string(decoded(used.Response.ClientDataJSON)), sitetest.Challenge(f, options), placeholder)
		f.Add(true, client, decoded(used.Response.AuthenticatorData), decoded(used.Response.Signature))
		options, _ = making(f)
		sitetest.Must(f, json.Unmarshal([]byte(key.Make(options)), &made))
		client = strings.ReplaceAll(string(decoded(made.Response.ClientDataJSON)), sitetest.Challenge(f, options), placeholder)
		f.Add(false, client, []byte{}, decoded(made.Response.AttestationObject))
	}
	encode := base64.RawURLEncoding.EncodeToString
	f.Fuzz(func(t *testing.T, uses bool, client string, data, rest []byte) {
		options, handle := "", ""
		if uses {
			options = using(t)
		} else {
			options, handle = making(t)
		}
		response := map[string]string{"clientDataJSON": encode([]byte(strings.ReplaceAll(client, placeholder, sitetest.Challenge(t, options))))}
		if uses {
			response["authenticatorData"], response["signature"], response["userHandle"] = encode(data), encode(rest), encode([]byte(key.Handle))
		} else {
			response["attestationObject"] = encode(rest)
		}
		text, err := json.Marshal(map[string]any{"id": encode(key.ID), "rawId": encode(key.ID), "type": "public-key", "response": response})
		sitetest.Must(t, err)
		if uses {
			if user, factor, err := p.Check(t.Context(), identity.WithoutPassword(), nil, string(text)); !errors.Is(err, models.ErrRefused) || user != nil || factor != nil {
				t.Errorf("%s is answered %v", text, err)
			}
			return
		}
		if _, _, err := p.Create(&session.User, identity.Creation(session), "key", handle, string(text)); err != nil && !errors.Is(err, models.ErrRefused) && !errors.Is(err, identity.ErrUnfitKey) {
			t.Errorf("%s is answered %v", text, err)
		}
	})
}
