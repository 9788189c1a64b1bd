package models

import (
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

	"daypass/models/password"
)

// TestAnOldHashDoesNotReplaceANewPassword that was set while the old one was verified.
func TestAnOldHashDoesNotReplaceANewPassword(t *testing.T) {
	t.Parallel()
	db := open(t)
	added(t, db, "ada")
	weak := argon2.IDKey([]byte(goodPassword), []byte("0123456789abcdef"), 1, 64, 1, 32)
	raw(t, db, `UPDATE users SET password = $1`, "$argon2id$v=19$m=64,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$"+encodeForTest(weak))
	next := password.PHC(password.New("another walk in the grass"))
	err := hashes(t, db, func() error {
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
	t.Parallel()
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
		for _, value := range []any{user.Password, struct{ Password password.Hash }{user.Password}, map[string]any{"user": user}} {
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
	t.Parallel()
	db := open(t)
	const plaintext = goodPassword
	_, err := db.AddUser(t.Context(), NewUser{Name: "ada", Password: plaintext, Role: Admin}, CommandLine)
	check(t, err)
	old := fmt.Sprintf("$argon2id$v=19$m=8192,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$%s", encodeForTest(argon2.IDKey([]byte(plaintext), []byte("0123456789abcdef"), 1, 8192, 1, 32)))
	_, err = db.SQL.Exec(`UPDATE users SET password = $1`, old)
	check(t, err)

	_, err = db.Authenticate(t.Context(), "ada", "not the password", CommandLine)
	if user, _ := db.User(t.Context(), "ada"); !errors.Is(err, ErrRefused) || password.PHC(user.Password) != old {
		t.Fatal("a refused sign-in changed the hash")
	}
	user, err := db.Authenticate(t.Context(), "ada", plaintext, CommandLine)
	check(t, err)
	if kept, _ := db.User(t.Context(), "ada"); password.PHC(kept.Password) == old || password.PHC(kept.Password) != password.PHC(user.Password) {
		t.Error("the hash was not made anew")
	}
	_, err = db.AddSession(t.Context(), SignIn{ID: "x", User: user, Lifetime: time.Hour})
	check(t, err)
	_, err = db.Authenticate(t.Context(), "ada", plaintext, CommandLine)
	check(t, err)
}

func TestTheStrengthIsJudgedAfterTheCurrentPassword(t *testing.T) {
	t.Parallel()
	db := open(t)
	user, err := db.AddUser(t.Context(), NewUser{Name: "ada", Password: goodPassword, Role: Admin}, CommandLine)
	check(t, err)
	session, err := db.AddSession(t.Context(), SignIn{ID: "x", User: user, Lifetime: time.Hour})
	check(t, err)
	change := func(current, password string) ValidationError {
		refused := ValidationError{}
		if err := db.ChangePassword(t.Context(), FactorChange{Session: session, NewID: func() (SessionID, error) { return SessionID{ID: "y"}, nil }}, current, password); !errors.As(err, &refused) {
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
	db.limiter.Capacity = 0
	if _, err := db.AddUser(t.Context(), NewUser{Name: "eve", Password: "passwordpassword", Role: Member}, CommandLine); !errors.As(err, new(*password.BusyError)) {
		t.Errorf("the strength is judged outside of the limiter: %v", err)
	}
}
