package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"daypass/models"
	"daypass/models/database/databasetest"
	"daypass/models/password"
)

func TestMain(m *testing.M) {
	password.SetCost(password.Cheapest)
	databasetest.Main(m)
}

// device signs whatever it is told to, as no browser does.
type device struct {
	id     []byte
	key    *ecdsa.PrivateKey
	handle string
	count  uint32
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// storedWith makes a passkey of a user, and the device that has it.
func storedWith(t *testing.T, db *models.DB, user *models.User, domain string) *device {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	point, err := key.PublicKey.Bytes() // 4, then both coordinates
	check(t, err)
	public, err := webauthncbor.Marshal(webauthncose.EC2PublicKeyData{
		PublicKeyData: webauthncose.PublicKeyData{KeyType: int64(webauthncose.EllipticKey), Algorithm: int64(webauthncose.AlgES256)},
		Curve:         int64(webauthncose.P256), XCoord: point[1:33], YCoord: point[33:],
	})
	check(t, err)
	d := &device{id: []byte(rand.Text()), key: key, handle: rand.Text() + rand.Text()}
	record, err := json.Marshal(webauthn.Credential{ID: d.id, PublicKey: public, Flags: webauthn.CredentialFlags{UserPresent: true, UserVerified: true}})
	check(t, err)
	_, err = db.Exec(t.Context(), `UPDATE users SET handle = $1 WHERE id = $2`, d.handle, user.ID)
	check(t, err)
	_, err = db.Exec(t.Context(), `INSERT INTO passkeys (id, user_id, name, domain, credential, record, count, verified, synced, copied, added, used) VALUES ($1, $2, 'key', $3, $4, $5, 0, $6, $7, $7, $8, $8)`,
		rand.Text(), user.ID, domain, base64.RawURLEncoding.EncodeToString(d.id), string(record), true, false, db.Time())
	check(t, err)
	return d
}

// answer is what the device says to options, with some of its client data changed.
func (d *device) answer(t *testing.T, options, domain string, changed map[string]any, flags byte) string {
	t.Helper()
	var asked struct{ Challenge string }
	check(t, json.Unmarshal([]byte(options), &asked))
	client := map[string]any{"type": "webauthn.get", "challenge": asked.Challenge, "origin": "https://dash.example.org", "crossOrigin": false}
	for name, value := range changed {
		client[name] = value
	}
	data, err := json.Marshal(client)
	check(t, err)
	d.count++
	hash := sha256.Sum256([]byte(domain))
	authenticator := binary.BigEndian.AppendUint32(append(hash[:], flags), d.count)
	sum := sha256.Sum256(data)
	digest := sha256.Sum256(append(append([]byte{}, authenticator...), sum[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, d.key, digest[:])
	check(t, err)
	encode := base64.RawURLEncoding.EncodeToString
	text, err := json.Marshal(map[string]any{"id": encode(d.id), "rawId": encode(d.id), "type": "public-key", "response": map[string]string{
		"clientDataJSON": encode(data), "authenticatorData": encode(authenticator), "signature": encode(signature), "userHandle": encode([]byte(d.handle)),
	}})
	check(t, err)
	return string(text)
}

const (
	present  = 1 // the user touched the device
	verified = 4 // and the device checked who that is
)

// TestS24AnAnswerCountsForThisSiteAlone, and S23: for what it was asked for. All of
// these answers are signed by the right key.
func TestS24AnAnswerCountsForThisSiteAlone(t *testing.T) {
	t.Parallel()
	db, err := models.Open(t.Context(), databasetest.New(t))
	check(t, err)
	t.Cleanup(func() { db.Close() })
	const domain = "dash.example.org"
	public := &url.URL{Scheme: "https", Host: domain}
	p, err := NewPasskeys(db, public, "", "Daypass", []string{"a secret of this test, long enough"})
	check(t, err)
	ada, err := db.AddUser(t.Context(), models.NewUser{Name: "ada", Password: "a walk in the wet grass", Role: models.Member}, models.CommandLine)
	check(t, err)
	eve, err := db.AddUser(t.Context(), models.NewUser{Name: "eve", Password: "a walk in the wet grass", Role: models.Member}, models.CommandLine)
	check(t, err)
	key := storedWith(t, db, ada, domain)
	storedWith(t, db, eve, domain)
	pending := SecondFactor(&models.PendingSignIn{ID: "1"})
	for name, it := range map[string]struct {
		asked, checked Purpose
		of             *models.User
		domain         string
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
		"nobody was there":          {flags: verified, refused: true},
		"backed up, but can't be":   {flags: present | verified | 16, refused: true},
		"another purpose":           {asked: WithoutPassword(), checked: pending, of: ada, flags: present | verified, refused: true},
		"another pending sign-in":   {asked: SecondFactor(&models.PendingSignIn{ID: "2"}), checked: pending, of: ada, flags: present | verified, refused: true},
		"another session":           {asked: Confirmation(&models.Session{ID: "2"}), checked: Confirmation(&models.Session{ID: "1"}), of: ada, flags: present | verified, refused: true},
		"another user's":            {asked: pending, checked: pending, of: eve, flags: present | verified, refused: true},
		"too late":                  {later: models.ChallengeFor, flags: present | verified, refused: true},
		"a challenge of one's own":  {changed: map[string]any{"challenge": base64.RawURLEncoding.EncodeToString(make([]byte, 40))}, flags: present | verified, refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			if it.asked.For == "" {
				it.asked, it.checked = WithoutPassword(), WithoutPassword()
			}
			if it.domain == "" {
				it.domain = domain
			}
			options, err := p.Options(t.Context(), it.asked, it.of, false)
			check(t, err)
			now := db.Now
			db.Now = func() time.Time { return now().Add(it.later) }
			defer func() { db.Now = now }()
			user, factor, err := p.Check(t.Context(), it.checked, it.of, key.answer(t, options, it.domain, it.changed, it.flags))
			if it.refused {
				if !errors.Is(err, models.ErrRefused) || user != nil || factor != nil {
					t.Errorf("it is not refused: %v", err)
				}
				return
			}
			check(t, err)
			if user.ID != ada.ID || factor.Alone() != (it.flags&verified != 0) {
				t.Errorf("it is of %s, and alone: %t", user.Name, factor.Alone())
			}
		})
	}
}
