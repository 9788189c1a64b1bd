package session

import (
	"context"
	"log/slog"
	"testing"
	"time"
)

// TestUnknownSignaturesWaitForNoStuckRead of the secrets, nor for what follows those that
// have changed slowly.
func TestUnknownSignaturesWaitForNoStuckRead(t *testing.T) {
	t.Parallel()
	read, follow, following := make(chan []string), make(chan bool), make(chan bool)
	k := newKeyring(Config{Secrets: []string{"old"}, Log: slog.New(slog.DiscardHandler),
		ReadSecrets: func(context.Context) ([]string, error) { return <-read, nil },
		SecretsChanged: func(context.Context, []string) func() {
			return func() {
				following <- true
				<-follow
			}
		}})
	k.last = time.Time{}
	cookie := newSigner([]string{"new"}).cookie("x")
	answers := make(chan bool)
	answer := func() bool {
		t.Helper()
		select {
		case ok := <-answers:
			return ok
		case <-time.After(20 * time.Second):
			t.Fatal("nobody answers")
			return false
		}
	}
	ask := func() {
		_, _, ok := k.idIn(t.Context(), cookie)
		answers <- ok
	}
	for range 3 {
		go ask()
	}
	for range 3 {
		if answer() {
			t.Error("a signature with an unknown secret is good")
		}
	}
	read <- []string{"new", "old"}
	<-following
	go ask()
	if !answer() {
		t.Error("a signature with a new secret is refused while others follow it")
	}
	go func() {
		_, _, ok := k.idIn(t.Context(), "s:y.unknown")
		answers <- ok
	}()
	if answer() {
		t.Error("an unknown signature is good")
	}
	close(follow)
}
