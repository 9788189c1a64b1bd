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
		"6@8(i[_369dzhehh6é_24@yvioo369o1670_5zyehh6é_z_3", // what a search for the slowest found
		strings.Repeat("4@8([{<3691!|70$5+%2", 51), strings.Repeat("a", 1024), strings.Repeat("1234567890", 102),
	} {
		if judged := spent(func() { Guessable(password, "ada") }); judged > 8*hash { // ten times, when the lengths are not bounded; the race detector slows it down, and hashes not
			t.Errorf("to judge %.64q takes %s, a hash %s", password, judged/5, hash/5)
		}
	}
	for _, password := range []string{"p@$$w0rdp@$$w0rd", "P@$$w0rd!P@$$w0rd!", "passwordpassword", "1qaz2wsx3edc4rfv", "qwertyuiopasdfgh"} {
		if Guessable(password) == "" {
			t.Errorf("%s is accepted", password)
		}
	}
}
