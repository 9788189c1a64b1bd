package models

import (
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"syscall"
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

// TestHashesOfOnePasswordDiffer: a copy of the database does not tell who has the same one.
func TestHashesOfOnePasswordDiffer(t *testing.T) {
	seen := map[string]bool{}
	var both [2][saltBytes]byte // bits that were set, and bits that were not
	for range 24 {
		hash, err := hashPassword(goodPassword)
		check(t, err)
		read, err := readHash(hash)
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
	for what, change := range map[string]func(*parameters){
		"less memory":    func(p *parameters) { p.memory-- },
		"more memory":    func(p *parameters) { p.memory++ },
		"a pass less":    func(p *parameters) { p.time-- },
		"a pass more":    func(p *parameters) { p.time++ },
		"another lane":   func(p *parameters) { p.lanes++ },
		"a shorter salt": func(p *parameters) { p.salt = p.salt[1:] },
		"a shorter hash": func(p *parameters) { p.hash = p.hash[1:] },
	} {
		p := decoy()
		if p.outdated() {
			t.Fatal("a new hash is outdated")
		}
		if change(&p); !p.outdated() {
			t.Errorf("%s is not outdated", what)
		}
	}
}

func TestAPlantedHashDoesNotExhaustTheServer(t *testing.T) {
	good, _ := hashPassword("a walk in the wet grass")
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
		if _, err := readHash(hash); err == nil {
			t.Errorf("%q was read", hash)
		}
	}
	for _, most := range []string{"m=262144,t=2,p=1", "m=19456,t=16,p=1", "m=19456,t=2,p=16"} {
		_, err := readHash(strings.Replace(good, "m=19456,t=2,p=1", most, 1))
		check(t, err)
	}
}

// TestAnOldHashDoesNotReplaceANewPassword that was set while the old one was verified.
func TestAnOldHashDoesNotReplaceANewPassword(t *testing.T) {
	db := open(t)
	added(t, db, "ada")
	weak := argon2.IDKey([]byte(goodPassword), []byte("0123456789abcdef"), 1, 64, 1, 32)
	raw(t, db, `UPDATE users SET password = $1`, "$argon2id$v=19$m=64,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$"+encodeForTest(weak))
	next, err := hashPassword("another walk in the grass")
	check(t, err)
	err = hashes(t, db, func() error {
		_, err := db.Authenticate(t.Context(), "ada", goodPassword, CommandLine)
		return err
	}, func() { raw(t, db, `UPDATE users SET password = $1`, next) })
	if !errors.Is(err, ErrRefused) {
		t.Errorf("the sign-in with the old password ends with: %v", err)
	}
	if kept := number(t, db, `SELECT COUNT(*) FROM users WHERE password = $1`, next); kept != 1 {
		t.Error("the new password is gone")
	}
}

func TestAPasswordHashIsShownToNobody(t *testing.T) {
	db := open(t)
	user, err := db.AddUser(t.Context(), NewUser{Name: "ada", Password: goodPassword, Role: Admin}, CommandLine)
	check(t, err)
	session := sessionIn(t, db, user)
	var shown strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%p", "%U"} {
		hidden := struct{ user User }{*user}
		fmt.Fprintf(&shown, verb+verb+verb+verb+verb, user.Password, &user.Password, *user, *session, hidden)
	}
	for _, log := range []*slog.Logger{slog.New(slog.NewTextHandler(&shown, nil)), slog.New(slog.NewJSONHandler(&shown, nil))} {
		log.Info("x", "hash", user.Password, "user", user, "session", session)
	}
	for _, marshal := range []func(any) ([]byte, error){json.Marshal, xml.Marshal} {
		for _, value := range []any{user.Password, struct{ Password PasswordHash }{user.Password}, map[string]any{"user": user}} {
			text, _ := marshal(value) // XML knows no maps
			shown.Write(text)
		}
	}
	page := `{{.}} {{.User}} {{.User.Password}} {{printf "%s" .User.Password}} <a title="{{.User.Password}}" href="?{{.User.Password}}"><script>{{.User.Password}}</script>`
	check(t, template.Must(template.New("").Parse(page)).Execute(&shown, session))
	for _, call := range []string{"phc", "text", "String", "Value", "Text"} {
		template.Must(template.New("").Parse(`{{.User.Password.`+call+`}}`)).Execute(&shown, session)
	}
	if strings.Contains(shown.String(), "argon2id") || strings.Contains(shown.String(), hex.EncodeToString([]byte("argon2id"))) {
		t.Errorf("the hash is shown: %s", shown.String())
	}
	if got := fmt.Sprint(user.Password); got != "***" {
		t.Errorf("a hash prints as %s", got)
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
	if user, _ := db.User(t.Context(), "ada"); !errors.Is(err, ErrRefused) || user.Password.text() != old {
		t.Fatal("a refused sign-in changed the hash")
	}
	user, err := db.Authenticate(t.Context(), "ada", password, CommandLine)
	check(t, err)
	if kept, _ := db.User(t.Context(), "ada"); kept.Password.text() == old || kept.Password.text() != user.Password.text() {
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
	if most := newGate().room; most != 128*int64(runtime.GOMAXPROCS(0)) {
		t.Errorf("%d may wait", most)
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
		if complaint := complainOfPassword(password); !strings.Contains(complaint, part) {
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
		if complaint := whyGuessable(test.password, test.name, test.full); !strings.Contains(complaint, "easy to guess") {
			t.Errorf("%q of %s: %q", test.password, test.name, complaint)
		}
	}
	for _, password := range []string{"ada lovelace 1815!", "wxnthjqpv12345678", "augusta.king@1815"} { // of somebody else
		if complaint := whyGuessable(password, "grace", "Grace Hopper"); complaint != "" {
			t.Errorf("%q of somebody else: %s", password, complaint)
		}
	}
	for _, password := range []string{"fifteen chars!!", "пятнадцать букв", "一二三四五六七八九十一二三四五", "🙂🐌🌧🎻🦊🚲🥨🌵🪁🧵🦉🍋🛶🪴🔭"} {
		if complaint := complainOfPassword(password) + whyGuessable(password, "ada"); complaint != "" {
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
	hash := spent(func() { hashPassword("a walk in the wet grass") })
	for _, password := range []string{
		"4@8(i[<369da|70$é+%24@[v{xo369o1670$5zh2hh8é{z<3é(!1|70$t+%23@8(",
		"6@8(i[_369dzhehh6é_24@yvioo369o1670_5zyehh6é_z_3", // what a search for the slowest found
		strings.Repeat("4@8([{<3691!|70$5+%2", 51), strings.Repeat("a", 1024), strings.Repeat("1234567890", 102),
	} {
		if judged := spent(func() { whyGuessable(password, "ada") }); judged > 3*hash {
			t.Errorf("to judge %.64q takes %s, a hash %s", password, judged/5, hash/5)
		}
	}
	for _, password := range []string{"p@$$w0rdp@$$w0rd", "P@$$w0rd!P@$$w0rd!", "passwordpassword", "1qaz2wsx3edc4rfv", "qwertyuiopasdfgh"} {
		if whyGuessable(password) == "" {
			t.Errorf("%s is accepted", password)
		}
	}
}

func TestTheStrengthIsJudgedAfterTheCurrentPassword(t *testing.T) {
	db := open(t)
	user, err := db.AddUser(t.Context(), NewUser{Name: "ada", Password: goodPassword, Role: Admin}, CommandLine)
	check(t, err)
	session, err := db.AddSession(t.Context(), SignIn{ID: "x", User: user, Lifetime: time.Hour})
	check(t, err)
	change := func(current, password string) InvalidError {
		refused := InvalidError{}
		if err := db.ChangePassword(t.Context(), NewPassword{Session: session, Current: current, Password: password, ID: "y"}); !errors.As(err, &refused) {
			t.Fatal(err)
		}
		return refused
	}
	if refused := change("not the password", "passwordpassword"); refused["current"] == "" || refused["password"] != "" {
		t.Errorf("with both wrong: %v", refused)
	}
	if refused := change(goodPassword, "passwordpassword"); refused["password"] == "" {
		t.Errorf("with a weak one: %v", refused)
	}
	db.hashing.room = 0
	if _, err := db.AddUser(t.Context(), NewUser{Name: "eve", Password: "passwordpassword", Role: Member}, CommandLine); !errors.As(err, new(*BusyError)) {
		t.Errorf("the strength is judged outside of the gate: %v", err)
	}
}
