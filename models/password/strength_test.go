package password

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestPasswordsThatAreRefused(t *testing.T) {
	t.Parallel()
	for password, part := range map[string]string{
		"":                             "Choose",
		"fourteen chars":               "at least 15",
		"\u0065\u0301" + "é3456789012": "at least 15", // accents count once
		strings.Repeat("x", 1025):      "too long",
		"fifteen chars\x00 and more":   "can't be typed",
		"fifteen chars\xff and more":   "can't be typed",
	} {
		if complaint := Problem(password); !strings.Contains(complaint, part) {
			t.Errorf("%.20q: %q", password, complaint)
		}
	}
	for _, test := range []struct{ password, name, full string }{
		{"banana banana 12", "ada", "Ada Lovelace"},    // repeats itself
		{"charlottelovelace", "eve", ""},               // common names
		{"ada lovelace 1815!", "ada", "Ada Lovelace"},  // made of the names of its user
		{"augusta.king@1815", "augusta.king@1815", ""}, // the username
		{"king 1815 augusta", "augusta.king@1815", ""}, // its parts
		{"wxnthjqpv12345678", "ada", "Wxnthjqpv"},      // the name, and what is easy
		{"daypass lovelace", "ada", "Ada Lovelace"},    // made of the name of the site, too
	} {
		if complaint := Guessable(test.password, test.name, test.full); !strings.Contains(complaint, "easy to guess") {
			t.Errorf("%q of %s: %q", test.password, test.name, complaint)
		}
	}
	for _, password := range []string{"ada lovelace 1815!", "wxnthjqpv12345678", "augusta.king@1815"} { // of somebody else
		if complaint := Guessable(password, "grace", "Grace Hopper"); complaint != "" {
			t.Errorf("%q of somebody else: %s", password, complaint)
		}
	}
	for _, password := range []string{"fifteen chars!!", "пятнадцать букв", "一二三四五六七八九十一二三四五", "🙂🐌🌧🎻🦊🚲🥨🌵🪁🧵🦉🍋🛶🪴🔭"} {
		if complaint := Problem(password) + Guessable(password, "ada"); complaint != "" {
			t.Errorf("%q: %s", password, complaint)
		}
	}
}

// TestWhyAPasswordIsEasyToGuess: what each way to guess finds, and what it must not.
func TestWhyAPasswordIsEasyToGuess(t *testing.T) {
	t.Parallel()
	for why, passwords := range map[string][]string{
		"your name": {"grace hopper 1906", "HopperHopper2024", "reppohecarg12345", "Gr4c3H0pp3r!1906", "Цветаева1892!!!", "daypassdaypass12"},
		"common passwords": {"passwordpassword", "Password1Password1", "iloveyou12345678", "p@$$w0rdp@$$w0rd", "P@$$w0rd!P@$$w0rd!",
			"drowssapdrowssap", "1qaz2wsx3edc4rfv", "monkey dragon123", "qwertyqwerty2026", "MONKEYsunshine01"},
		"repeats itself":      {"xvkq7xvkq7xvkq7x", "пароль пароль пароль", "夢海空夢海空夢海空夢海空夢海空夢", "🙂🐌🙂🐌🙂🐌🙂🐌🙂🐌🙂🐌🙂🐌🙂🐌", "------------------"},
		"or the keyboard":     {"bcdefghijklmnopq", "абвгдежзийклмноп", "jihgfedcbavutsrqpon", "йцукенгшщзхъфывапр", "wxcvbnqsdfghjklm", "üpoiuztrewqölkjh", "!§$%&/()==)(/&%$§", "&*()_+)(*&^%$#@"},
		"words, names or dat": {"charlottelovelace", "charlottemorris1948", "18.10.2015morris", "2015/10/18 morris", "18102015charlotte", "nosredna-yrautcnas"},
	} {
		for _, password := range passwords {
			if complaint := Problem(password) + Guessable(password, "grace", "Grace Hopper", "Цветаева"); !strings.Contains(complaint, why) {
				t.Errorf("%q: %q, not %q", password, complaint, why)
			}
		}
	}
	for _, password := range []string{
		"alto quarry mended", "altoquarrymendedfly", "correct horse battery staple", "Tr0ub4dor&3 and so on", "wxnthjqpvcbqzrm", "830174926650381", "a walk in the wet grass",
		"совастрекозатуман", "夢海空日本語東京大阪山川犬猫愛", strings.Repeat("=", 20) + "kq7vxw2mz",
	} {
		if complaint := Problem(password) + Guessable(password, "grace", "Grace Hopper"); complaint != "" {
			t.Errorf("%q: %s", password, complaint)
		}
	}
}

func BenchmarkGuessable(b *testing.B) {
	for b.Loop() {
		Guessable("6@8(i[_369dzhehh6é_24@yvioo369o1670_5zyehh6é_z_3", "ada", "Ada Lovelace")
	}
}

// BenchmarkHash is what BenchmarkGuessable is compared with.
func BenchmarkHash(b *testing.B) {
	for b.Loop() {
		New(goodPassword)
	}
}

func TestNoPasswordTakesLongToJudge(t *testing.T) {
	// The processor's time for both, five times: other programs don't change it.
	spent := func(work func()) time.Duration {
		var before, after syscall.Rusage
		check(t, syscall.Getrusage(syscall.RUSAGE_SELF, &before))
		for range 5 {
			work()
		}
		check(t, syscall.Getrusage(syscall.RUSAGE_SELF, &after))
		return time.Duration(after.Utime.Nano() - before.Utime.Nano())
	}
	hash := spent(func() { New("a walk in the wet grass") })
	for _, password := range []string{
		"4@8(i[<369da|70$é+%24@[v{xo369o1670$5zh2hh8é{z<3é(!1|70$t+%23@8(",
		"6@8(i[_369dzhehh6é_24@yvioo369o1670_5zyehh6é_z_3", strings.Repeat("11il", 256),
		strings.Repeat("4@8([{<3691!|70$5+%2", 51), strings.Repeat("a", 1024), strings.Repeat("1234567890", 102),
	} {
		if judged := spent(func() { Guessable(password, "ada") }); judged > 8*hash { // the race detector slows it down, and hashes not
			t.Errorf("to judge %.64q takes %s, a hash %s", password, judged/5, hash/5)
		}
	}
	if complaint := Guessable("qwertyuiopasdfgh"); complaint == "" {
		t.Error("qwertyuiopasdfgh is accepted")
	}
}
