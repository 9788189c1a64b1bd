// Package identity checks what proves who somebody is: the answers of passkeys. It
// knows no page.
package identity

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"net/url"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"daypass/models"
)

// Passkeys makes passkeys and checks their answers. Nothing else knows the library.
type Passkeys struct {
	Domain     string // that they are made for (the RP ID)
	library    *webauthn.WebAuthn
	challenges challenges
	db         *models.DB
}

// ErrNoPasskeys says that browsers offer no passkeys at the public URL.
var ErrNoPasskeys = errors.New("browsers offer passkeys only under https with a domain name, or at http://localhost")

// PasskeyDomain is the domain that passkeys are made for at a public URL: its host, or the
// one that was set, which has to be that host or a domain above it. Browsers make none for
// all sites under org or co.uk (WebAuthn Level 3, section 5.1.3): the first is refused here,
// the second takes a list of 100 kB to know, and by the browser alone. It returns
// ErrNoPasskeys where there can be none.
func PasskeyDomain(public *url.URL, set string) (string, error) {
	host := public.Hostname()
	_, err := netip.ParseAddr(host)
	none := err == nil || public.Scheme != "https" && host != "localhost"
	set = strings.ToLower(set)
	switch {
	case none && set == "":
		return "", ErrNoPasskeys
	case none:
		return "", fmt.Errorf("--passkey-domain %s doesn't fit %s: %v", set, public, ErrNoPasskeys)
	case set == "" || set == host:
		return host, nil
	case !strings.HasSuffix(host, "."+set) || !strings.Contains(set, "."):
		return "", fmt.Errorf("--passkey-domain %s doesn't fit %s: it must be %s, or a registered domain above that", set, public, host)
	}
	return set, nil
}

// NewPasskeys returns nil where there can be none, see PasskeyDomain.
func NewPasskeys(db *models.DB, public *url.URL, domain, title string, secrets []string) (*Passkeys, error) {
	domain, err := PasskeyDomain(public, domain)
	if errors.Is(err, ErrNoPasskeys) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p := &Passkeys{Domain: domain, db: db}
	p.library, err = webauthn.New(&webauthn.Config{
		RPID: domain, RPDisplayName: title, RPOrigins: []string{public.Scheme + "://" + public.Host},
		AttestationPreference: protocol.PreferNoAttestation,
	})
	p.SetSecrets(secrets)
	return p, err
}

// SetSecrets sets the secrets that challenges are signed with: the first signs, all verify.
// It can be called while passkeys are used.
func (p *Passkeys) SetSecrets(secrets []string) { p.challenges.setSecrets(secrets) }

// owner is a user as the library wants to have it.
type owner struct {
	user     *models.User
	handle   string
	passkeys []webauthn.Credential
}

func (o owner) WebAuthnID() []byte                         { return []byte(o.handle) }
func (o owner) WebAuthnName() string                       { return o.user.Name }
func (o owner) WebAuthnDisplayName() string                { return o.user.DisplayName() }
func (o owner) WebAuthnCredentials() []webauthn.Credential { return o.passkeys }

// algorithms are the signatures of passkeys that count.
var algorithms = []protocol.CredentialParameter{
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgES256},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgEdDSA},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgRS256},
}

// extensions ask the browser whether the device lists the new passkey by itself.
var extensions = protocol.AuthenticationExtensions{CredProps: true}

// minRSA is how many bits an RSA key must have (NIST SP 800-131A), and maxRSA how many it
// may have: with a longer one each sign-in would take seconds.
const (
	minRSA = 2048
	maxRSA = 8192
)

// CreationOptions is what the browser needs to make a passkey for a user, and the handle
// that it will know that user by.
func (p *Passkeys) CreationOptions(ctx context.Context, user *models.User, purpose Purpose) (text, handle string, err error) {
	handle, err = p.db.Handle(ctx, user)
	if err != nil {
		return "", "", err
	}
	if handle == "" {
		handle = rand.Text() + rand.Text() // until the passkey comes back with it, nobody knows it
	}
	all, err := p.passkeysOf(ctx, user)
	if err != nil {
		return "", "", err
	}
	options, _, err := p.library.BeginRegistration(owner{user: user, handle: handle},
		webauthn.WithCredentialParameters(algorithms), webauthn.WithExclusions(descriptors(all)), webauthn.WithExtensions(webauthn.WithExtensionInputs(extensions)),
		webauthn.WithAuthenticatorSelection(protocol.AuthenticatorSelection{ResidentKey: protocol.ResidentKeyRequirementPreferred, UserVerification: protocol.VerificationPreferred}))
	if err != nil {
		return "", "", fmt.Errorf("make the options of a new passkey: %w", err)
	}
	options.Response.Challenge = p.challenges.new(purpose.withHandle(handle), p.db.Now().Add(models.ChallengeFor))
	text, err = asJSON(options.Response)
	return text, handle, err
}

// withHandle binds a challenge to the handle that a new passkey gets, too: the answer
// brings it back.
func (p Purpose) withHandle(handle string) Purpose {
	return Purpose{p.For, p.Holder + "\x00" + handle}
}

// ErrUnfitKey says that a new passkey has a key of a kind, or of a length, that doesn't count.
var ErrUnfitKey = errors.New("the key of the passkey doesn't count here")

// Create checks the answer with a new passkey of a user, and returns a factor that adds
// it, with recovery codes if it is the first second factor. It returns ErrRefused for an
// answer that doesn't count, and ErrUnfitKey.
func (p *Passkeys) Create(user *models.User, purpose Purpose, name, handle, answer string) (*models.Factor, []string, error) {
	parsed, err := protocol.ParseCredentialCreationResponseBytes([]byte(answer))
	if err != nil {
		return nil, nil, models.ErrRefused
	}
	challenge, ok := p.challenges.open(parsed.Response.CollectedClientData.Challenge, purpose.withHandle(handle), p.db.Now())
	if !ok {
		return nil, nil, models.ErrRefused
	}
	if !fits(parsed.Response.AttestationObject.AuthData.AttData.CredentialPublicKey) {
		return nil, nil, ErrUnfitKey
	}
	made, err := p.library.CreateCredential(owner{user: user, handle: handle},
		webauthn.SessionData{Challenge: challenge.Text, UserID: []byte(handle), CredParams: algorithms, UserVerification: protocol.VerificationPreferred, Extensions: extensions.Session()}, parsed)
	if err != nil {
		return nil, nil, models.ErrRefused
	}
	made.Attestation = webauthn.CredentialAttestation{} // it proves nothing that is asked for here
	record, err := json.Marshal(made)
	if err != nil {
		return nil, nil, err
	}
	factor, codes := p.db.NewPasskey(user, handle, models.Passkey{
		Name: name, Domain: p.Domain, Credential: base64.RawURLEncoding.EncodeToString(made.ID), Record: string(record),
		Count: int64(made.Authenticator.SignCount), Verified: made.Flags.UserVerified, Synced: made.Flags.BackupEligible, Discoverable: discoverable(parsed.ClientExtensionResults.CredProps),
	}, challenge)
	return factor, codes, nil
}

// discoverable is what the browser tells of a new passkey.
func discoverable(properties *protocol.CredentialPropertiesOutput) models.Discoverable {
	switch {
	case properties == nil || properties.RK == nil:
		return ""
	case *properties.RK:
		return models.IsDiscoverable
	}
	return models.NotDiscoverable
}

// fits tells whether a public key is of one of the algorithms, and long enough. One that
// names another algorithm than that of its kind could never be used.
func fits(key []byte) bool {
	parsed, err := webauthncose.ParsePublicKey(key)
	if err != nil {
		return false
	}
	switch data := parsed.(type) {
	case webauthncose.EC2PublicKeyData:
		return data.Algorithm == int64(webauthncose.AlgES256)
	case webauthncose.OKPPublicKeyData:
		return data.Algorithm == int64(webauthncose.AlgEdDSA)
	case webauthncose.RSAPublicKeyData:
		bits := new(big.Int).SetBytes(data.Modulus).BitLen()
		return data.Algorithm == int64(webauthncose.AlgRS256) && bits >= minRSA && bits <= maxRSA
	}
	return false
}

// Options is what the browser needs to use a passkey of a user. Without a user it offers
// all that it knows, and the device has to check who uses it.
func (p *Passkeys) Options(ctx context.Context, purpose Purpose, user *models.User) (string, error) {
	verification := protocol.VerificationPreferred
	if user == nil {
		verification = protocol.VerificationRequired
	}
	options, _, err := p.library.BeginDiscoverableLogin(webauthn.WithUserVerification(verification))
	if err != nil {
		return "", fmt.Errorf("make the options of a passkey: %w", err)
	}
	if user != nil {
		all, err := p.passkeysOf(ctx, user)
		if err != nil {
			return "", err
		}
		options.Response.AllowedCredentials = descriptors(all)
	}
	options.Response.Challenge = p.challenges.new(purpose, p.db.Now().Add(models.ChallengeFor))
	return asJSON(options.Response)
}

// Check checks the answer of a passkey, and returns whose it is. With a user it has to be
// one of theirs. Whether the passkey is both factors or a second one, the factor says. It
// returns ErrRefused for an answer that doesn't count.
func (p *Passkeys) Check(ctx context.Context, purpose Purpose, user *models.User, answer string) (*models.User, *models.Factor, error) {
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(answer))
	if err != nil {
		return nil, nil, models.ErrRefused
	}
	challenge, ok := p.challenges.open(parsed.Response.CollectedClientData.Challenge, purpose, p.db.Now())
	if !ok {
		return nil, nil, models.ErrRefused
	}
	handle := string(parsed.Response.UserHandle)
	if handle == "" && user != nil { // a device need not tell it when the passkeys were named
		if handle, err = p.db.Handle(ctx, user); err != nil {
			return nil, nil, err
		}
	}
	found, err := p.db.UserByHandle(ctx, handle)
	if errors.Is(err, models.ErrNotFound) || err == nil && (found.Disabled || user != nil && user.ID != found.ID) {
		return nil, nil, models.ErrRefused
	}
	if err != nil {
		return nil, nil, err
	}
	all, err := p.passkeysOf(ctx, found)
	if err != nil {
		return nil, nil, err
	}
	by := owner{user: found, handle: handle}
	for _, passkey := range all {
		by.passkeys = append(by.passkeys, passkey.credential)
	}
	// Whether the device verified its user is read from the answer below: an answer
	// without it may still be a second factor.
	used, err := p.library.ValidateLogin(by, webauthn.SessionData{Challenge: challenge.Text, UserID: by.WebAuthnID(), UserVerification: protocol.VerificationPreferred}, parsed)
	if err != nil {
		return nil, nil, models.ErrRefused
	}
	for _, passkey := range all {
		if string(passkey.credential.ID) == string(used.ID) {
			data := parsed.Response.AuthenticatorData
			return found, p.db.Factor(found, models.PasskeyAnswer{Passkey: passkey.Passkey, Challenge: challenge, Count: int64(data.Counter), Verified: data.Flags.HasUserVerified(), Unnamed: user == nil}), nil
		}
	}
	return nil, nil, models.ErrRefused
}

// Accepted is what tells the browser which passkeys of a user count, so that it forgets
// those that were removed; empty: there was never one.
func (p *Passkeys) Accepted(ctx context.Context, user *models.User, all []models.Passkey) (string, error) {
	handle, err := p.db.Handle(ctx, user)
	if err != nil || handle == "" {
		return "", err
	}
	accepted := struct {
		RPID string   `json:"rpId"`
		User string   `json:"userId"`
		All  []string `json:"allAcceptedCredentialIds"`
	}{p.Domain, base64.RawURLEncoding.EncodeToString([]byte(handle)), []string{}}
	for _, passkey := range all {
		if passkey.Domain == p.Domain {
			accepted.All = append(accepted.All, passkey.Credential)
		}
	}
	return asJSON(accepted)
}

// stored is a passkey with what the library knows of it.
type stored struct {
	models.Passkey
	credential webauthn.Credential
}

// passkeysOf returns the passkeys of a user that were made for this domain. One that is
// damaged is none: there may be other ways to sign in.
func (p *Passkeys) passkeysOf(ctx context.Context, user *models.User) (all []stored, err error) {
	passkeys, err := p.db.PasskeysOf(ctx, user)
	if err != nil {
		return nil, err
	}
	for _, passkey := range passkeys {
		if passkey.Domain != p.Domain {
			continue
		}
		one := stored{Passkey: passkey}
		if err := json.Unmarshal([]byte(passkey.Record), &one.credential); err != nil {
			p.db.Log.Error("a user's passkey is damaged; remove it, and create another", "user", user.Name, "passkey", passkey.ID, "error", err)
			continue
		}
		all = append(all, one)
	}
	return all, nil
}

func descriptors(all []stored) (list []protocol.CredentialDescriptor) {
	for _, passkey := range all {
		list = append(list, passkey.credential.Descriptor())
	}
	return list
}

func asJSON(value any) (string, error) {
	text, err := json.Marshal(value)
	return string(text), err
}
