package password

import (
	"strings"
	"testing"
)

const goodPassword = "a walk in the wet grass"

func parse(phc string) (Parameters, error) { return Parse(Hash{&phc}) }

func TestAHashIsInPHCForm(t *testing.T) {
	t.Parallel()
	hash := PHC(New("a walk in the wet grass"))
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Error(hash)
	}
	read, err := parse(hash)
	check(t, err)
	if !read.Matches("a walk in the wet grass") || read.Matches("a walk in the wet gras") || read.Outdated() {
		t.Error("the hash does not do what a hash does")
	}
	// The same characters, composed by another keyboard.
	hash = PHC(New("caf\u00e9 au lait, s'il vous pla\u00eet"))
	if read, _ := parse(hash); !read.Matches("cafe\u0301 au lait, s'il vous plai\u0302t") {
		t.Error("composed accents make a difference")
	}
}

// TestHashesOfOnePasswordDiffer: a copy of the database does not tell who has the same one.
func TestHashesOfOnePasswordDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	var both [2][saltBytes]byte // bits that were set, and bits that were not
	for range 24 {
		hash := PHC(New(goodPassword))
		read, err := parse(hash)
		check(t, err)
		if seen[string(read.salt)] || seen[string(read.hash)] || len(read.salt) != 16 || len(read.hash) != 32 {
			t.Fatalf("the hash %s", hash)
		}
		seen[string(read.salt)], seen[string(read.hash)] = true, true
		for i, b := range read.salt {
			both[0][i], both[1][i] = both[0][i]|b, both[1][i]|^b
		}
	}
	for i := range saltBytes { // 24 times the same bit: once in 65,000 runs at a byte that is random
		if both[0][i] == 0 || both[1][i] == 0 {
			t.Errorf("byte %d of the salt does not change", i)
		}
	}
}

// TestAHashOfOtherCostsIsOutdated: each cost alone.
func TestAHashOfOtherCostsIsOutdated(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(*Parameters){
		"less memory":    func(p *Parameters) { p.Memory-- },
		"more memory":    func(p *Parameters) { p.Memory++ },
		"a pass less":    func(p *Parameters) { p.Passes-- },
		"a pass more":    func(p *Parameters) { p.Passes++ },
		"another lane":   func(p *Parameters) { p.Lanes++ },
		"a shorter salt": func(p *Parameters) { p.salt = p.salt[1:] },
		"a shorter hash": func(p *Parameters) { p.hash = p.hash[1:] },
	} {
		p := Dummy()
		if p.Outdated() {
			t.Fatal("a new hash is outdated")
		}
		if change(&p); !p.Outdated() {
			t.Errorf("%s is not outdated", what)
		}
	}
}

func TestAPlantedHashDoesNotExhaustTheServer(t *testing.T) {
	t.Parallel()
	good := PHC(New("a walk in the wet grass"))
	for _, hash := range []string{
		"", "$", "$$$$$", "plain", good + "$", good[1:],
		strings.Replace(good, "m=19456", "m=4294967295", 1),
		strings.Replace(good, "m=19456", "m=99999999999", 1),
		strings.Replace(good, "m=19456", "m=262145", 1),
		strings.Replace(good, "t=2", "t=17", 1),
		strings.Replace(good, "p=1", "p=17", 1),
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
		if _, err := parse(hash); err == nil {
			t.Errorf("%q was read", hash)
		}
	}
	for _, most := range []string{"m=262144,t=2,p=1", "m=19456,t=16,p=1", "m=19456,t=2,p=16"} {
		_, err := parse(strings.Replace(good, "m=19456,t=2,p=1", most, 1))
		check(t, err)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
