package session

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"daypass/models"
)

// keyring holds the present signer. It reloads the secrets every so often, and at
// once when it meets a signature that it can't verify, so that they can be changed
// without a restart: another server may know one that this one doesn't know yet.
type keyring struct {
	present atomic.Pointer[signer]
	read    func(context.Context) ([]string, error) // nil: they never change
	changed func(context.Context, []string) func()  // nil: nothing else follows them
	log     *slog.Logger

	sync.Mutex
	last    time.Time     // when they were read
	reading chan struct{} // closed when they are read; nil: nobody reads them now

	secrets []string // for whoever reads them
}

func newKeyring(config Config) *keyring {
	k := &keyring{read: config.ReadSecrets, changed: config.SecretsChanged, log: config.Log, secrets: config.Secrets, last: time.Now()}
	k.present.Store(newSigner(k.secrets))
	return k
}

// signer is the present one.
func (k *keyring) signer() *signer { return k.present.Load() }

// refresh reloads the secrets, unless that was done within an interval, and tells
// whether there are others now. It waits for models.SecretsReadWithin at most, and not
// for what is done later. When they can't be read, the present ones stay.
func (k *keyring) refresh(ctx context.Context, unlessWithin time.Duration) (changed bool) {
	if k.read == nil {
		return false
	}
	before := k.signer()
	k.Lock()
	read := k.reading
	if read == nil {
		if time.Since(k.last) < unlessWithin {
			k.Unlock()
			return false
		}
		read = make(chan struct{})
		k.reading = read
		go k.reload(ctx, read)
	}
	k.Unlock()
	waiting, cancel := context.WithTimeout(ctx, models.SecretsReadWithin)
	defer cancel()
	select {
	case <-read:
	case <-waiting.Done():
	}
	return k.signer() != before
}

// reload closes read when the secrets are read, and ends when all follows them.
func (k *keyring) reload(ctx context.Context, read chan struct{}) {
	reading, cancel := context.WithTimeout(ctx, models.SecretsReadWithin)
	defer cancel()
	secrets, err := k.read(reading)
	if err != nil && ctx.Err() == nil {
		k.log.Warn("the secrets can't be reloaded; the present ones stay in use", "error", err)
	}
	later := func() {}
	if err == nil && !slices.Equal(secrets, k.secrets) {
		k.secrets = secrets
		k.present.Store(newSigner(secrets))
		if k.changed != nil {
			later = k.changed(ctx, secrets)
		}
		k.log.Info("the secrets have changed", "signs", Fingerprint(secrets[0]), "count", len(secrets))
	}
	close(read)
	later()
	k.Lock()
	defer k.Unlock()
	k.last, k.reading = time.Now(), nil
}

// idIn returns what that of the signer does, after a second look at the secrets if the
// cookie has a signature that is unknown.
func (k *keyring) idIn(ctx context.Context, cookie string) (id string, secret int, ok bool) {
	id, secret, ok = k.signer().idIn(cookie)
	if !ok && cookie != "" && k.refresh(ctx, models.SecretsReadAtMost) {
		return k.signer().idIn(cookie)
	}
	return id, secret, ok
}

// LookForSecrets reloads the secrets when one is unknown, as an unknown signature does.
func (m *Manager) LookForSecrets(ctx context.Context) { m.keys.refresh(ctx, models.SecretsReadAtMost) }

// RefreshSecrets reloads the secrets every so often, until ctx ends.
func (m *Manager) RefreshSecrets(ctx context.Context) {
	ticker := time.NewTicker(models.SecretsReadEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			m.keys.refresh(ctx, 0)
		}
	}
}
