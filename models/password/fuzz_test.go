package password

import (
	"testing"
	"unicode/utf8"
)

// FuzzPasswordHash looks for a hash that is accepted and costs more than the
// server can bear.
func FuzzPasswordHash(f *testing.F) {
	good := PHC(New("a walk in the wet grass"))
	for _, seed := range []string{"", "$", good, good + "$", "$argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA", "$argon2id$v=19$m=8,t=1,p=255$$"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, phc string) {
		p, err := parse(phc)
		if err != nil {
			return
		}
		if p.Memory > 256<<10 || p.Passes > 16 || p.Lanes > 16 || p.Passes == 0 || p.Lanes == 0 || len(p.salt) < 8 || len(p.hash) < 16 || len(p.hash) > 64 {
			t.Errorf("%q is read as %+v", phc, p)
		}
	})
}

// FuzzNewPassword looks for a password that breaks the judgement of it.
func FuzzNewPassword(f *testing.F) {
	for _, seed := range []string{"", "a walk in the wet grass", "passwordpassword", "\xff", "🙂🐌🌧🎻🦊🚲🥨🌵🪁🧵🦉🍋🛶🪴🔭", "1qaz2wsx3edc4rfv", "e\u0301e\u0301e\u0301"} {
		f.Add(seed, "ada")
	}
	f.Fuzz(func(t *testing.T, password, name string) {
		complaint := Problem(password)
		if complaint == "" {
			complaint = Guessable(password, name)
		}
		if complaint == "" && (utf8.RuneCount(normalize(password)) < MinLength || len(password) > MaxLength || !utf8.ValidString(password)) {
			t.Errorf("%q is accepted", password)
		}
	})
}
