package sitetest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"html"
	"math/big"
	"net/http"
	"net/url"
	"testing"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
)

// What a device says of its user, and of its passkey.
const (
	Present  = 1 // touched it
	Verified = 4 // and it checked who that is
	Synced   = 8 // it may be on several devices
	made     = 64
)

// Device has one passkey and signs whatever it is told to, as no browser does. So tests
// of answers need none.
type Device struct {
	T      testing.TB
	Origin string         // that it says it is at
	Domain string         // that it makes and uses its passkey for, whatever it is asked
	Flags  byte           // Present, Verified, Synced
	Client map[string]any // of the client data, what is to be different
	ID     []byte
	Handle string // of the user
	Count  uint32 // of its uses
	Listed *bool  // what the browser tells of whether it lists its passkey by itself; nil: nothing

	key    crypto.Signer
	public any // the public key as its answer has it
}

// NewDevice returns a device without a passkey, for a site at a public URL. Its user is
// there and verified.
func NewDevice(t testing.TB, public *url.URL) *Device {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Must(t, err)
	d := &Device{T: t, Origin: public.Scheme + "://" + public.Host, Domain: public.Hostname(), Flags: Present | Verified, ID: []byte(rand.Text())}
	d.SetKey(key)
	return d
}

// SetKey makes the device use another key: of ECDSA with P-256, Ed25519, or RSA.
func (d *Device) SetKey(key crypto.Signer) {
	d.T.Helper()
	d.key = key
	switch public := key.Public().(type) {
	case *ecdsa.PublicKey:
		point, err := public.Bytes() // 4, then both coordinates
		Must(d.T, err)
		d.public = webauthncose.EC2PublicKeyData{PublicKeyData: kind(webauthncose.EllipticKey, webauthncose.AlgES256), Curve: int64(webauthncose.P256), XCoord: point[1:33], YCoord: point[33:]}
	case ed25519.PublicKey:
		d.public = webauthncose.OKPPublicKeyData{PublicKeyData: kind(webauthncose.OctetKey, webauthncose.AlgEdDSA), Curve: int64(webauthncose.Ed25519), XCoord: public}
	case *rsa.PublicKey:
		d.SetPublicKey(webauthncose.RSAPublicKeyData{PublicKeyData: kind(webauthncose.RSAKey, webauthncose.AlgRS256), Modulus: public.N.Bytes(), Exponent: big.NewInt(int64(public.E)).Bytes()})
	default:
		d.T.Fatalf("no key of a device: %T", public)
	}
}

// SetPublicKey makes the device claim to have a key, in the form of COSE.
func (d *Device) SetPublicKey(public any) { d.public = public }

func kind(of webauthncose.COSEKeyType, algorithm webauthncose.COSEAlgorithmIdentifier) webauthncose.PublicKeyData {
	return webauthncose.PublicKeyData{KeyType: int64(of), Algorithm: int64(algorithm)}
}

// PublicKey is that of its passkey, in the form of COSE.
func (d *Device) PublicKey() []byte {
	d.T.Helper()
	key, err := webauthncbor.Marshal(d.public)
	Must(d.T, err)
	return key
}

// Make makes the passkey, and returns the answer to the options for that.
func (d *Device) Make(options string) string {
	d.T.Helper()
	var asked struct{ User struct{ ID string } }
	Must(d.T, json.Unmarshal([]byte(options), &asked))
	handle, err := base64.RawURLEncoding.DecodeString(asked.User.ID)
	Must(d.T, err)
	d.Handle = string(handle)
	data := d.authenticatorData(made)
	data = append(data, make([]byte, 16)...) // no model
	data = append(binary.BigEndian.AppendUint16(data, uint16(len(d.ID))), d.ID...)
	attestation, err := webauthncbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": append(data, d.PublicKey()...)})
	Must(d.T, err)
	return d.encode(map[string][]byte{"clientDataJSON": d.clientData("webauthn.create", options), "attestationObject": attestation}, d.Listed)
}

// Answer uses the passkey, and returns the answer to the options for that.
func (d *Device) Answer(options string) string {
	d.T.Helper()
	d.Count++
	client, data := d.clientData("webauthn.get", options), d.authenticatorData(0)
	sum := sha256.Sum256(client)
	signed := append(append([]byte{}, data...), sum[:]...)
	hash := crypto.SHA256
	if _, whole := d.key.(ed25519.PrivateKey); whole {
		hash = 0
	} else {
		digest := sha256.Sum256(signed)
		signed = digest[:]
	}
	signature, err := d.key.Sign(rand.Reader, signed, hash)
	Must(d.T, err)
	return d.encode(map[string][]byte{"clientDataJSON": client, "authenticatorData": data, "signature": signature, "userHandle": []byte(d.Handle)}, nil)
}

func (d *Device) clientData(kind, options string) []byte {
	d.T.Helper()
	client := map[string]any{"type": kind, "challenge": Challenge(d.T, options), "origin": d.Origin, "crossOrigin": false}
	for name, value := range d.Client {
		client[name] = value
	}
	text, err := json.Marshal(client)
	Must(d.T, err)
	return text
}

// Challenge is that of options.
func Challenge(t testing.TB, options string) string {
	t.Helper()
	var asked struct{ Challenge string }
	Must(t, json.Unmarshal([]byte(options), &asked))
	return asked.Challenge
}

func (d *Device) authenticatorData(more byte) []byte {
	domain := sha256.Sum256([]byte(d.Domain))
	return binary.BigEndian.AppendUint32(append(domain[:], d.Flags|more), d.Count)
}

func (d *Device) encode(response map[string][]byte, listed *bool) string {
	d.T.Helper()
	encoded := make(map[string]string)
	for name, value := range response {
		encoded[name] = base64.RawURLEncoding.EncodeToString(value)
	}
	id := base64.RawURLEncoding.EncodeToString(d.ID)
	extensions := map[string]any{}
	if listed != nil {
		extensions["credProps"] = map[string]bool{"rk": *listed}
	}
	text, err := json.Marshal(map[string]any{"id": id, "rawId": id, "type": "public-key", "clientExtensionResults": extensions, "response": encoded})
	Must(d.T, err)
	return string(text)
}

// Options are what a page asks a passkey for.
func (a *Answer) Options() string {
	a.T.Helper()
	return html.UnescapeString(a.First(`data-options="([^"]*)"`))
}

// Device is one at hand in the browser, without a passkey.
func (b *Browser) Device() *Device {
	b.T.Helper()
	return NewDevice(b.T, b.site.App.URL)
}

// MakePasskey makes a passkey on a device, under a name, through the pages.
func (b *Browser) MakePasskey(d *Device, name string) *Answer {
	b.T.Helper()
	page := b.Get("/account/security/passkeys/new").Answers(http.StatusOK)
	return b.Post("/account/security/passkeys/new", "name", name, "handle", page.First(`name="handle" value="(\w+)"`), "passkey", d.Make(page.Options()))
}

// SetUpPasskey adds a passkey to the account of whoever is signed in.
func (b *Browser) SetUpPasskey(name string) *Device {
	b.T.Helper()
	d := b.Device()
	if answer := b.MakePasskey(d, name); answer.Response.StatusCode != http.StatusSeeOther { // else it is a further one
		answer.Answers(http.StatusOK).Says("Your recovery codes")
	}
	return d
}

// PasskeyOptions are those for signing in with a passkey alone.
func (b *Browser) PasskeyOptions() string {
	b.T.Helper()
	return b.Get("/login/passkey").Answers(http.StatusOK).SetsNoCookie().Body
}

// SignInAlone signs in with a passkey alone.
func (b *Browser) SignInAlone(d *Device) *Answer {
	b.T.Helper()
	return b.Post("/login/passkey", "passkey", d.Answer(b.PasskeyOptions()))
}

// ConfirmWithPasskey follows an answer to the page that asks for all factors, and answers
// with a passkey, and with other fields.
func (b *Browser) ConfirmWithPasskey(answer *Answer, d *Device, pairs ...string) *Answer {
	b.T.Helper()
	page := b.ConfirmPage(answer)
	return b.SendConfirmation(page, append(pairs, "passkey", d.Answer(page.Options()))...)
}

// ConfirmPage follows an answer to the page that asks for all factors.
func (b *Browser) ConfirmPage(answer *Answer) *Answer {
	b.T.Helper()
	return b.Get(answer.LeadsToConfirm().Response.Header.Get("Location")).Answers(http.StatusOK).Says("Confirm it&#39;s you")
}

// SendConfirmation sends the form of that page with these fields.
func (b *Browser) SendConfirmation(page *Answer, pairs ...string) *Answer {
	b.T.Helper()
	return b.Post("/confirm", append(pairs, "form", page.First(`name="form" value="([\w-]+)"`), "next", page.First(`name="next" value="([^"]*)"`))...)
}
