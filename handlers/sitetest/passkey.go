package sitetest

import (
	"net"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"daypass/handlers"
)

// OnLocalhost reaches the site by a name for which browsers offer passkeys.
func OnLocalhost(c *handlers.Config) {
	_, port, _ := net.SplitHostPort(c.URL.Host)
	c.URL.Host = "localhost:" + port
}

// AddPasskey gives a user a passkey, named pk in addresses, that no device has, and that was
// made for localhost.
func (s *Site) AddPasskey(name string) {
	s.T.Helper()
	s.Change(`INSERT INTO passkeys (id, user_id, name, domain, credential, record, count, verified, synced, copied, added, used)
		SELECT 'pk', id, 'blue key', 'localhost', 'AAAA', '{"id":"AAAA"}', 0, TRUE, FALSE, FALSE, CAST($1 AS BIGINT), CAST($1 AS BIGINT) FROM users WHERE name = $2`, s.DB.Now().Unix(), name)
	s.Change(`UPDATE users SET factors = 'with a passkey', handle = 'handle' WHERE name = $1`, name)
}

// Key is a device with passkeys, which a window has at hand.
type Key struct {
	w  *Window
	id webauthn.AuthenticatorID
}

// Key gives the window a device. It may have a PIN that its user enters, and what it makes
// may be synced to others. Its user touches it whenever it asks, unless [Key.Touch] says otherwise.
func (w *Window) Key(pin, synced bool) *Key {
	w.t.Helper()
	Call(w, webauthn.Enable, webauthn.EnableParams{})
	transport := webauthn.AuthenticatorTransportInternal
	if !pin {
		transport = webauthn.AuthenticatorTransportUsb
	}
	added, err := chromedp.Call(w.Ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: transport, HasResidentKey: pin,
		HasUserVerification: pin, IsUserVerified: pin, DefaultBackupEligibility: synced, DefaultBackupState: synced, AutomaticPresenceSimulation: true,
	}})
	Must(w.t, err)
	return &Key{w, added.AuthenticatorID}
}

// Touch says whether its user touches the device whenever it asks.
func (k *Key) Touch(does bool) {
	k.w.t.Helper()
	Call(k.w, webauthn.SetAutomaticPresenceSimulation, webauthn.SetAutomaticPresenceSimulationParams{AuthenticatorID: k.id, Enabled: does})
}

// Overrides makes the answers of the device wrong.
func (k *Key) Overrides(bogus, unverified, absent bool) {
	k.w.t.Helper()
	Call(k.w, webauthn.SetResponseOverrideBits, webauthn.SetResponseOverrideBitsParams{AuthenticatorID: k.id, IsBogusSignature: &bogus, IsBadUV: &unverified, IsBadUP: &absent})
}

// Credentials are the passkeys on the device.
func (k *Key) Credentials() []*webauthn.Credential {
	k.w.t.Helper()
	got, err := chromedp.Call(k.w.Ctx, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: k.id})
	Must(k.w.t, err)
	return got.Credentials
}

// CountBack sets the count of uses of its only passkey, as a copy of it would have it.
func (k *Key) CountBack(to float64) {
	k.w.t.Helper()
	Call(k.w, webauthn.SetCredentialProperties, webauthn.SetCredentialPropertiesParams{AuthenticatorID: k.id, CredentialID: k.Credentials()[0].CredentialID, SignCount: &to})
}

// Moves puts its only passkey, of a user with this handle, onto another device.
func (k *Key) Moves(to *Key, handle string) {
	k.w.t.Helper()
	one := k.Credentials()[0]
	type credential struct { // that of the package has fields which Chromium refuses
		CredentialID         []byte  `json:"credentialId"`
		IsResidentCredential bool    `json:"isResidentCredential"`
		RpID                 string  `json:"rpId"`
		PrivateKey           []byte  `json:"privateKey"`
		UserHandle           []byte  `json:"userHandle"`
		SignCount            float64 `json:"signCount"`
	}
	type params struct {
		AuthenticatorID webauthn.AuthenticatorID `json:"authenticatorId"`
		Credential      credential               `json:"credential"`
	}
	Call(to.w, cdp.Command[params, cdp.Empty]{Method: webauthn.CommandAddCredential}, params{to.id, credential{one.CredentialID, true, one.RpID, one.PrivateKey, []byte(handle), one.SignCount}})
	Call(k.w, webauthn.RemoveVirtualAuthenticator, webauthn.RemoveVirtualAuthenticatorParams{AuthenticatorID: k.id})
}

// Use clicks the button of a passkey and touches the device until an expression holds. The
// browser may still be busy with what it offers by itself, so a click without an effect is
// repeated.
func (k *Key) Use(until string) {
	k.w.t.Helper()
	for range 12 {
		k.w.Click("[data-passkey]", false)
		k.Touch(true)
		k.w.comes(`(`+until+`) || !!document.querySelector("[data-cancelled]")?.textContent`, 10*time.Second)
		if k.w.comes(until, 0) {
			return
		}
	}
	k.w.t.Fatalf("clicks on the button of a passkey never lead to %s", until)
}

// Answer clicks the button of a passkey, touches the device, and returns what the form
// would send.
func (k *Key) Answer() string {
	k.w.t.Helper()
	Evaluate[any](k.w, `window.sent = ""; document.querySelector("[data-passkey]").form.addEventListener("submit", (event) => { event.preventDefault(); window.sent = event.target.elements.passkey.value })`)
	k.Use(`window.sent != ""`)
	return Evaluate[string](k.w, "window.sent")
}
