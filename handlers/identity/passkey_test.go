package identity_test

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"daypass/handlers/identity"
	"daypass/handlers/sitetest"
	"daypass/models"
	"daypass/models/database/databasetest"
)

func TestMain(m *testing.M) { sitetest.Main(m) }

// passkeys are those of a site with the user ada, on a database of its own.
func passkeys(t testing.TB) (p *identity.Passkeys, db *models.DB, ada *models.User, public *url.URL) {
	t.Helper()
	db, err := models.Open(t.Context(), databasetest.New(t))
	sitetest.Must(t, err)
	t.Cleanup(func() { db.Close() })
	public = &url.URL{Scheme: "https", Host: "dash.example.org"}
	p, err = identity.NewPasskeys(db, public, "", "Daypass", []string{"a secret of this test, long enough"})
	sitetest.Must(t, err)
	return p, db, added(t, db, "ada"), public
}

func added(t testing.TB, db *models.DB, name string) *models.User {
	t.Helper()
	user, err := db.AddUser(t.Context(), models.NewUser{Name: name, Password: sitetest.Password, Role: models.Member}, models.CommandLine)
	sitetest.Must(t, err)
	return user
}

// storedWith gives a user a passkey, and returns the device that has it.
func storedWith(t testing.TB, db *models.DB, user *models.User, public *url.URL) *sitetest.Device {
	t.Helper()
	d := sitetest.NewDevice(t, public)
	d.Handle = "handle of " + user.Name
	record, err := json.Marshal(webauthn.Credential{ID: d.ID, PublicKey: d.PublicKey(), Flags: webauthn.CredentialFlags{UserPresent: true, UserVerified: true}})
	sitetest.Must(t, err)
	_, err = db.Exec(t.Context(), `UPDATE users SET handle = $1 WHERE id = $2`, d.Handle, user.ID)
	sitetest.Must(t, err)
	_, err = db.Exec(t.Context(), `INSERT INTO passkeys (id, user_id, name, domain, credential, record, count, verified, synced, copied, added, used) VALUES ($1, $2, 'key', $3, $4, $5, 0, $6, $7, $7, $8, $8)`,
		user.Name, user.ID, d.Domain, base64.RawURLEncoding.EncodeToString(d.ID), string(record), true, false, db.Time())
	sitetest.Must(t, err)
	return d
}

// TestS24AnAnswerCountsForThisSiteAlone, and S23: for what it was asked for. All of
// these answers are signed by the right key.
func TestS24AnAnswerCountsForThisSiteAlone(t *testing.T) {
	t.Parallel()
	p, db, ada, public := passkeys(t)
	eve := added(t, db, "eve")
	key := storedWith(t, db, ada, public)
	storedWith(t, db, eve, public)
	handle, pending := key.Handle, identity.SecondFactor(&models.PendingSignIn{ID: "1"})
	const present, verified = sitetest.Present, sitetest.Verified
	for name, it := range map[string]struct {
		asked, checked identity.Purpose
		of             *models.User
		domain, handle string
		changed        map[string]any
		flags          byte
		later          time.Duration
		refused        bool
	}{
		"as it should be":           {flags: present | verified},
		"as a second factor":        {asked: pending, checked: pending, of: ada, flags: present},
		"another origin":            {changed: map[string]any{"origin": "https://evil.example"}, flags: present | verified, refused: true},
		"a name below ours":         {changed: map[string]any{"origin": "https://a.dash.example.org"}, flags: present | verified, refused: true},
		"plain http":                {changed: map[string]any{"origin": "http://dash.example.org"}, flags: present | verified, refused: true},
		"another port":              {changed: map[string]any{"origin": "https://dash.example.org:8443"}, flags: present | verified, refused: true},
		"in a frame of another":     {changed: map[string]any{"crossOrigin": true}, flags: present | verified, refused: true},
		"in a frame of another top": {changed: map[string]any{"crossOrigin": true, "topOrigin": "https://evil.example"}, flags: present | verified, refused: true},
		"the making of one":         {changed: map[string]any{"type": "webauthn.create"}, flags: present | verified, refused: true},
		"another domain":            {domain: "evil.example", flags: present | verified, refused: true},
		"a user who is no text":     {handle: "\xff\x00", flags: present | verified, refused: true},
		"nobody was there":          {flags: verified, refused: true},
		"backed up, but can't be":   {flags: present | verified | 16, refused: true},
		"another purpose":           {asked: identity.WithoutPassword(), checked: pending, of: ada, flags: present | verified, refused: true},
		"another pending sign-in":   {asked: identity.SecondFactor(&models.PendingSignIn{ID: "2"}), checked: pending, of: ada, flags: present | verified, refused: true},
		"another session":           {asked: identity.Confirmation(&models.Session{ID: "2"}), checked: identity.Confirmation(&models.Session{ID: "1"}), of: ada, flags: present | verified, refused: true},
		"another user's":            {asked: pending, checked: pending, of: eve, flags: present | verified, refused: true},
		"too late":                  {later: models.ChallengeFor, flags: present | verified, refused: true},
		"a challenge of one's own":  {changed: map[string]any{"challenge": base64.RawURLEncoding.EncodeToString(make([]byte, 40))}, flags: present | verified, refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			if it.asked.For == "" {
				it.asked, it.checked = identity.WithoutPassword(), identity.WithoutPassword()
			}
			options, err := p.Options(t.Context(), it.asked, it.of)
			sitetest.Must(t, err)
			now := db.Now
			db.Now = func() time.Time { return now().Add(it.later) }
			defer func() { db.Now = now }()
			key.Domain, key.Handle, key.Client, key.Flags = cmp.Or(it.domain, public.Host), cmp.Or(it.handle, handle), it.changed, it.flags
			user, factor, err := p.Check(t.Context(), it.checked, it.of, key.Answer(options))
			if it.refused {
				if !errors.Is(err, models.ErrRefused) || user != nil || factor != nil {
					t.Errorf("it is not refused: %v", err)
				}
				return
			}
			sitetest.Must(t, err)
			if user.ID != ada.ID || factor.Alone() != (it.flags&verified != 0) {
				t.Errorf("it is of %s, and alone: %t", user.Name, factor.Alone())
			}
		})
	}
}
