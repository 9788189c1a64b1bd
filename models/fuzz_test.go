package models

import (
	"testing"
	"unicode/utf8"
)

// FuzzPasswordHash looks for a hash that is accepted and costs more than the
// server can bear.
func FuzzPasswordHash(f *testing.F) {
	good, err := hashPassword("a walk in the wet grass")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", "$", good, good + "$", "$argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA", "$argon2id$v=19$m=8,t=1,p=255$$"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, phc string) {
		p, err := readHash(phc)
		if err != nil {
			return
		}
		if p.memory > 256<<10 || p.time > 16 || p.lanes > 16 || p.time == 0 || p.lanes == 0 || len(p.salt) < 8 || len(p.hash) < 16 || len(p.hash) > 64 {
			t.Errorf("%q is read as %+v", phc, p)
		}
	})
}

// FuzzUsername looks for a name whose two forms do not belong together.
func FuzzUsername(f *testing.F) {
	for _, seed := range []string{"ada", "ADA", "Zoe\u0308", "ｆｕｌｌ", "\u202e", "ß", "İ", "ΑΣ", "שרה", "\xff", "a\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		shown, compared, ok := Username(typed)
		if !ok {
			return
		}
		if _, again, ok := Username(shown); !ok || again != compared {
			t.Errorf("%q is shown as %q and then compared as %q, not %q", typed, shown, again, compared)
		}
		if !utf8.ValidString(shown) || shown == "" || utf8.RuneCountInString(shown) > MaxUsername {
			t.Errorf("%q is shown as %q", typed, shown)
		}
	})
}

// FuzzNewPassword looks for a password that breaks the judgement of it.
func FuzzNewPassword(f *testing.F) {
	for _, seed := range []string{"", "a walk in the wet grass", "passwordpassword", "\xff", "🙂🐌🌧🎻🦊🚲🥨🌵🪁🧵🦉🍋🛶🪴🔭", "1qaz2wsx3edc4rfv", "e\u0301e\u0301e\u0301"} {
		f.Add(seed, "ada")
	}
	f.Fuzz(func(t *testing.T, password, name string) {
		complaint := complainOfPassword(password)
		if complaint == "" {
			complaint = whyGuessable(password, name)
		}
		if complaint == "" && (utf8.RuneCount(normalPassword(password)) < MinPassword || len(password) > MaxPassword || !utf8.ValidString(password)) {
			t.Errorf("%q is accepted", password)
		}
	})
}
