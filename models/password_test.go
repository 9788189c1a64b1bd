package models

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"
)

func TestAHashIsInPHCForm(t *testing.T) {
	hash, err := hashPassword("a walk in the wet grass")
	check(t, err)
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Error(hash)
	}
	read, err := readHash(hash)
	check(t, err)
	if !read.matches("a walk in the wet grass") || read.matches("a walk in the wet gras") || read.outdated() {
		t.Error("the hash does not do what a hash does")
	}
	// The same characters, composed by another keyboard.
	hash, err = hashPassword("caf\u00e9 au lait, s'il vous pla\u00eet")
	check(t, err)
	if read, _ := readHash(hash); !read.matches("cafe\u0301 au lait, s'il vous plai\u0302t") {
		t.Error("composed accents make a difference")
	}
}

func TestAPlantedHashDoesNotExhaustTheServer(t *testing.T) {
	good, _ := hashPassword("a walk in the wet grass")
	for _, hash := range []string{
		"", "$", "$$$$$", "plain", good + "$", good[1:],
		strings.Replace(good, "m=19456", "m=4294967295", 1),
		strings.Replace(good, "m=19456", "m=99999999999", 1),
		strings.Replace(good, "m=19456", "m=7", 1),
		strings.Replace(good, "m=19456", "m=-1", 1),
		strings.Replace(good, "m=19456", "m=019456", 1),
		strings.Replace(good, "t=2", "t=0", 1),
		strings.Replace(good, "t=2", "t=1000000", 1),
		strings.Replace(good, "p=1", "p=0", 1),
		strings.Replace(good, "p=1", "p=255", 1),
		strings.Replace(good, "p=1", "p=1,x=1", 1),
		strings.Replace(good, "v=19", "v=16", 1),
		strings.Replace(good, "argon2id", "argon2i", 1),
		"$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$", "$argon2id$v=19$m=19456,t=2,p=1$$aGFzaA",
	} {
		if _, err := readHash(hash); err == nil {
			t.Errorf("%q was read", hash)
		}
	}
}

func TestAnOldHashIsMadeAnewAtSignIn(t *testing.T) {
	db := open(t)
	const password = "a walk in the wet grass"
	_, err := db.AddUser(t.Context(), NewUser{Name: "ada", Password: password, Role: Admin}, CommandLine)
	check(t, err)
	p := parameters{memory: 8192, time: 1, lanes: 1, salt: []byte("0123456789abcdef")}
	old := fmt.Sprintf("$argon2id$v=19$m=8192,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$%s", encodeForTest(argon2.IDKey([]byte(password), p.salt, 1, 8192, 1, 32)))
	_, err = db.sql.Exec(`UPDATE users SET password = $1`, old)
	check(t, err)

	_, err = db.Authenticate(t.Context(), "ada", "not the password", CommandLine)
	if user, _ := db.User(t.Context(), "ada"); !errors.Is(err, ErrRefused) || user.Password != old {
		t.Fatal("a refused sign-in changed the hash")
	}
	user, err := db.Authenticate(t.Context(), "ada", password, CommandLine)
	check(t, err)
	if kept, _ := db.User(t.Context(), "ada"); kept.Password == old || kept.Password != user.Password {
		t.Error("the hash was not made anew")
	}
	_, err = db.AddSession(t.Context(), SignIn{ID: "x", User: user, Lifetime: time.Hour})
	check(t, err)
	_, err = db.Authenticate(t.Context(), "ada", password, CommandLine)
	check(t, err)
}

func TestTheGateRefusesWhatItCannotCheckInGoodTime(t *testing.T) {
	g := newGate()
	g.room = 2
	hold, entered := make(chan struct{}), make(chan struct{}, 1000)
	var wg sync.WaitGroup
	cores := 0
	for g.cores.TryAcquire(1) { // everybody is at work
		cores++
	}
	for range g.room {
		wg.Go(func() {
			if err := g.run(t.Context(), func() error { entered <- struct{}{}; <-hold; return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	for g.waiting.Load() < g.room {
		time.Sleep(time.Millisecond)
	}
	var busy *BusyError
	if err := g.run(t.Context(), func() error { return nil }); !errors.As(err, &busy) || busy.After <= 0 {
		t.Errorf("with a full queue: %v", err)
	}
	g.cores.Release(int64(cores))
	<-entered
	close(hold)
	wg.Wait()
	check(t, g.run(t.Context(), func() error { return nil }))
}

func TestPasswordsThatAreRefused(t *testing.T) {
	for password, part := range map[string]string{
		"":                             "Choose",
		"fourteen chars":               "at least 15",
		"\u0065\u0301" + "é3456789012": "at least 15", // accents count once
		strings.Repeat("x", 1025):      "too long",
		"fifteen chars\x00 and more":   "no keyboard",
		"fifteen chars\xff and more":   "no keyboard",
	} {
		if complaint := complainOfPassword(password, "ada", "Ada Lovelace"); !strings.Contains(complaint, part) {
			t.Errorf("%.20q: %q", password, complaint)
		}
	}
	for _, password := range []string{"fifteen chars!!", "пятнадцать букв", "一二三四五六七八九十一二三四五", "🙂🐌🌧🎻🦊🚲🥨🌵🪁🧵🦉🍋🛶🪴🔭"} {
		if complaint := complainOfPassword(password); complaint != "" {
			t.Errorf("%q: %s", password, complaint)
		}
	}
}
