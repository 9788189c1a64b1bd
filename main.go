// Daypass is a login-protected dashboard in one binary with an embedded
// database. Run alone it serves; "daypass --help" lists the rest.
package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"math"
	"net"
	"net/netip"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"daypass/handlers"
	"daypass/handlers/render"
	"daypass/handlers/scaffold"
	"daypass/handlers/web"
	"daypass/models"
)

// version is that of the last release.
const version = "0.1.0"

// cli is the whole command line. A flag with a variable may be set by either;
// the flag wins.
type cli struct {
	Database string `default:"data/daypass.db" env:"DAYPASS_DATABASE" placeholder:"FILE" help:"The database file. It is made when it is not there."`
	Log      string `default:"text" enum:"text,json" env:"DAYPASS_LOG" help:"How log lines look: text for people, json for machines."`

	Serve   serve          `cmd:"" default:"withargs" help:"Serve the site. This is what runs when no command is named."`
	User    userCommand    `cmd:"" help:"Add, list and change users."`
	Doctor  doctor         `cmd:"" help:"Say what is wrong with this installation, and what to do about it."`
	Session sessionCommand `cmd:"" help:"List and end sessions."`
	New     newCommand     `cmd:"" help:"For developers, in a checkout: write a new page, or a copy under another name."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

// settings are those of the site. The doctor has to know them too.
type settings struct {
	Listen       string         `default:"127.0.0.1:3000" env:"DAYPASS_LISTEN" placeholder:"ADDRESS" help:"Where to listen, host:port."`
	URL          string         `name:"url" env:"DAYPASS_URL" placeholder:"URL" help:"Where people reach the site. It decides about secure cookies, and which origin may post. (default: http://localhost with the port that is listened on)"`
	Lifetime     time.Duration  `default:"24h" env:"DAYPASS_LIFETIME" help:"How long a session lasts, whatever is done with it."`
	Idle         time.Duration  `default:"0s" env:"DAYPASS_IDLE" help:"End sessions that were not used for so long; 0s for never."`
	KeepActivity time.Duration  `default:"8760h" env:"DAYPASS_KEEP_ACTIVITY" help:"How long sign-ins, failed ones and the like are kept for people to see."`
	SecretFile   string         `env:"DAYPASS_SECRET_FILE" placeholder:"FILE" help:"Secrets that sign cookies, one a line, newest first. It is made when it is not there. (default: secret, beside the database)"`
	TrustedProxy []netip.Prefix `env:"DAYPASS_TRUSTED_PROXY" placeholder:"NETWORK" help:"Networks of the proxies whose X-Forwarded-For counts, such as 10.0.0.0/8."`

	ThrottleAccount int           `default:"5" env:"DAYPASS_THROTTLE_ACCOUNT" help:"Failed sign-ins that an account has free of delay."`
	ThrottleAddress int           `default:"20" env:"DAYPASS_THROTTLE_ADDRESS" help:"The same for an IP address; for IPv6, for a network of 64 bits."`
	ThrottleDelay   time.Duration `default:"1s" env:"DAYPASS_THROTTLE_DELAY" help:"The delay after the first failure that is not free. It doubles with each further one."`
	ThrottleLongest time.Duration `default:"15m" env:"DAYPASS_THROTTLE_LONGEST" help:"What the delay grows to."`
}

type serve struct {
	settings `embed:""`
	Dev      bool `help:"In a checkout: read templates and assets from the disk for each request, show what is wrong with them, and let the browser follow."`
}

type doctor struct {
	settings `embed:""`
	JSON     bool `name:"json" help:"Print JSON."`
}

// secretVariable has no flag: the flags of a process can be seen by others.
const secretVariable = variablePrefix + "SECRET"

// variablePrefix begins the names of all variables that the program reads.
const variablePrefix = "DAYPASS_"

type userCommand struct {
	Add      userAdd      `cmd:"" help:"Add a user. The password comes from a prompt, or from standard input."`
	List     userList     `cmd:"" help:"List all users."`
	Password userPassword `cmd:"" help:"Give a user a new password and end all of the user's sessions."`
	Disable  userDisable  `cmd:"" help:"Forbid a user to sign in and end all of the user's sessions."`
	Enable   userEnable   `cmd:"" help:"Allow a disabled user to sign in again."`
	Remove   userRemove   `cmd:"" help:"Remove a user with everything that is held about them."`
}

type userAdd struct {
	Name     string `arg:"" help:"The username."`
	FullName string `help:"The full name."`
	Admin    bool   `help:"Make the user an administrator."`
}

type userList struct {
	JSON bool `name:"json" help:"Print JSON."`
}

type (
	named struct {
		Name string `arg:"" help:"The username."`
	}
	userPassword struct {
		named `embed:""`
	}
	userDisable struct {
		named `embed:""`
	}
	userEnable struct {
		named `embed:""`
	}
	userRemove struct {
		named `embed:""`
	}
)

type sessionCommand struct {
	List sessionList `cmd:"" help:"List the valid sessions."`
	End  sessionEnd  `cmd:"" help:"End one session, all of a user, or all."`
}

type sessionList struct {
	User string `placeholder:"NAME" help:"Only those of this user."`
	JSON bool   `name:"json" help:"Print JSON."`
}

type sessionEnd struct {
	ID   string `arg:"" optional:"" help:"The session, as the list names it."`
	User string `placeholder:"NAME" help:"All sessions of this user."`
	All  bool   `help:"All sessions of everybody."`
}

type newCommand struct {
	View newView `cmd:"" help:"Write a page: template, handler, test, and its lines in the map, the menu and the gallery."`
	App  newApp  `cmd:"" help:"Make a copy with its own name, module, title, cookie and variables."`
}

type newView struct {
	Name  string `arg:"" help:"What the page is called in its address, such as reading-list."`
	Admin bool   `help:"Make it a page of the administration."`
	Table string `placeholder:"COLUMNS" help:"Give it a table of its own with a form, such as \"title:text pages:number due_on:date done:bool\"."`
}

type newApp struct {
	Name   string `arg:"" help:"Of the binary, the cookie, the database and the variables, such as acme."`
	Module string `placeholder:"PATH" help:"The Go module, such as example.org/team/acme. (default: the name)"`
	Title  string `help:"What people read. (default: made from the name)"`
	Folder string `placeholder:"FOLDER" help:"Where to write it. (default: beside the checkout)"`
}

type versionCommand struct{}

// console is where a command reads and writes.
type console struct {
	in       io.Reader
	out, err io.Writer
	db       string // path of the database
	log      *slog.Logger
	unknown  []string // variables that mean nothing here
	misspelt error    // those of them that were meant to mean something
}

// misuse is an error of whoever typed the command.
type misuse struct{ error }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run runs a command line and returns its exit status: 0, 1 when it failed, 2
// when it was wrong.
func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	var line cli
	exited := false
	parser := kong.Must(&line,
		kong.Name("daypass"),
		kong.Description("A login-protected dashboard in one binary."),
		kong.Writers(out, errs),
		kong.Exit(func(int) { exited = true }),
		kong.UsageOnError(),
	)
	command, err := parser.Parse(args)
	if exited { // --help was printed
		return 0
	}
	unknown, misspelt := unknownVariables(parser.Model, os.Environ())
	switch {
	case err != nil:
		err = misuse{err}
	case misspelt != nil && command.Command() != "doctor": // which has a line for it
		err = misspelt
	default:
		level := slog.LevelInfo
		if command.Selected().Name != "serve" { // which says itself what it did
			level = slog.LevelWarn
		}
		log := newLog(errs, line.Log, level)
		defer log.Flush()
		at := console{in, out, errs, line.Database, slog.New(log), unknown, misspelt}
		command.BindTo(ctx, (*context.Context)(nil))
		err = command.Run(at)
	}
	var wrong misuse
	switch {
	case err == nil:
		return 0
	case errors.As(err, &wrong):
		fmt.Fprintf(errs, "daypass: %v; see daypass --help\n", err)
		return 2
	}
	fmt.Fprintf(errs, "daypass: %v\n", err)
	return 1
}

func newLog(to io.Writer, form string, level slog.Level) *handlers.LogHandler {
	options := &slog.HandlerOptions{Level: level}
	if form == "json" {
		return handlers.NewLogHandler(slog.NewJSONHandler(to, options))
	}
	return handlers.NewLogHandler(slog.NewTextHandler(to, options))
}

// variables are all that the environment may set, by name.
func variables(model *kong.Application) map[string]string {
	known := map[string]string{secretVariable: "Secrets that sign cookies, newest first, parted by commas; instead of the secret file."}
	var visit func(*kong.Node)
	visit = func(node *kong.Node) {
		for _, flag := range node.Flags {
			for _, name := range flag.Envs {
				known[name] = flag.Help
			}
		}
		for _, child := range node.Children {
			visit(child)
		}
	}
	visit(model.Node)
	return known
}

// unknownVariables returns an error about a variable that is most likely a known
// one misspelt: what it should have set would silently not be. Others that begin
// with DAYPASS_ it lists: the environment may have them for reasons of its own, as
// Kubernetes sets DAYPASS_PORT and more for a service of that name.
func unknownVariables(model *kong.Application, environment []string) (unknown []string, misspelt error) {
	known := variables(model)
	for _, variable := range environment {
		name, _, _ := strings.Cut(variable, "=")
		if _, ok := known[name]; ok || !strings.HasPrefix(name, variablePrefix) {
			continue
		}
		unknown = append(unknown, name)
		for _, meant := range slices.Sorted(maps.Keys(known)) {
			if word := strings.TrimPrefix(meant, variablePrefix); misspelling(strings.TrimPrefix(name, variablePrefix), word) {
				misspelt = fmt.Errorf("the variable %s means nothing here; did you mean %s?", name, meant)
				break
			}
		}
	}
	return unknown, misspelt
}

// misspelling tells whether one word can have been typed for another: not more
// than every third letter is wrong, missing or too much, and three at most.
func misspelling(typed, word string) bool {
	return distance(strings.ToUpper(typed), word) <= min(3, max(1, len(word)/3))
}

// distance is how many letters have to be added, removed or replaced to make one
// word of another (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal, row[j+1] = row[j+1], min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// Run opens the models, builds the site and listens.
func (s *serve) Run(ctx context.Context, at console) error {
	if s.ThrottleAccount < 1 || s.ThrottleAddress < 1 || s.ThrottleDelay < 0 || s.ThrottleLongest < s.ThrottleDelay {
		return misuse{errors.New("--throttle-account and --throttle-address are at least 1, and --throttle-longest is at least --throttle-delay")}
	}
	if s.Lifetime < time.Minute {
		return misuse{fmt.Errorf("--lifetime %s is too short: a minute is the least", s.Lifetime)}
	}
	if s.KeepActivity < s.Lifetime {
		return misuse{errors.New("--keep-activity is at least as long as --lifetime")}
	}
	if s.Idle < 0 || s.Idle > 0 && s.Idle < 2*time.Minute {
		return misuse{fmt.Errorf("--idle %s is too short: two minutes are the least, since use is noted once a minute", s.Idle)}
	}
	checkout := ""
	if s.Dev {
		checkout = "."
		if err := render.CheckDev(checkout); err != nil {
			return misuse{fmt.Errorf("--dev: %w", err)}
		}
	}
	db, err := models.Open(ctx, at.db)
	if err != nil {
		return err
	}
	defer db.Close()
	db.Log, db.KeepEvents = at.log, s.KeepActivity
	db.Throttle = models.Throttle{Account: s.ThrottleAccount, Address: s.ThrottleAddress, Delay: s.ThrottleDelay, Longest: s.ThrottleLongest}

	if err := db.CheckRestored(ctx); err != nil {
		return err
	}
	if err := db.SetIdle(ctx, s.Idle); err != nil {
		return err
	}
	secrets, err := s.secrets(at.db)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", s.Listen)
	if err != nil {
		return fmt.Errorf("can't listen on %s: %w; choose another address with --listen", s.Listen, innermost(err))
	}
	defer listener.Close()
	public, err := publicURL(s.URL, listener.Addr())
	if err != nil {
		return err
	}
	token := rand.Text()
	site, err := handlers.New(db, handlers.Config{
		URL: public, Secrets: secrets, Lifetime: s.Lifetime, TrustedProxies: s.TrustedProxy, SetupToken: token, Log: at.log, Version: version, Dev: checkout,
	})
	if err != nil {
		return err
	}
	if err := s.greet(ctx, at, db, public, token); err != nil {
		return err
	}
	db.Start()
	go settle()
	return site.Serve(ctx, listener)
}

// settle gives back to the system what the start took and nothing needs any
// more: packing the assets alone takes 11 MB, which a pool keeps for two collections.
func settle() {
	runtime.GC()
	debug.FreeOSMemory()
}

// greet tells whoever started the program where it is and what to do first.
// The link is for the terminal alone; the log never has a token.
func (s *serve) greet(ctx context.Context, at console, db *models.DB, public *url.URL, token string) error {
	found, err := db.HasUsers(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(at.out, "\n  Daypass is at %s\n", public)
	if !found {
		fmt.Fprintf(at.out, "\n  Nobody has an account yet. Make the first one here:\n  %s/setup?token=%s\n", public, token)
	}
	if s.Dev {
		fmt.Fprint(at.out, "\n  Templates and assets are read from views/ and public/, and the browser follows them.\n")
	}
	fmt.Fprintln(at.out)
	if public.Scheme == "http" && !web.IsLocal(public.Hostname()) {
		at.log.Warn("passwords and cookies travel unencrypted; put a proxy with TLS in front and name its address with --url https://…", "url", public)
	}
	if len(at.unknown) > 0 {
		at.log.Warn("variables that mean nothing here", "names", strings.Join(at.unknown, " "))
	}
	at.log.Info("listening", "address", s.Listen, "url", public, "database", at.db, "version", version)
	return nil
}

// secrets are those of the variable, or else those of the file.
func (s *settings) secrets(database string) ([]string, error) {
	if set, ok := os.LookupEnv(secretVariable); ok {
		secrets := strings.Split(set, ",")
		for i, secret := range secrets {
			if err := models.CheckSecret(secret); err != nil {
				return nil, fmt.Errorf("secret %d in %s %w; make one with: openssl rand -base64 33", i+1, secretVariable, err)
			}
		}
		return secrets, nil
	}
	return models.SecretFile(s.secretPath(database))
}

func (s *settings) secretPath(database string) string {
	if s.SecretFile != "" {
		return s.SecretFile
	}
	return filepath.Join(filepath.Dir(database), "secret")
}

// publicURL is the origin that people reach the site at.
func publicURL(set string, listening net.Addr) (*url.URL, error) {
	if set == "" {
		_, port, err := net.SplitHostPort(listening.String())
		if err != nil {
			return nil, err
		}
		set = "http://localhost:" + port
	}
	public, err := url.Parse(set)
	if err != nil || public.Scheme != "http" && public.Scheme != "https" || public.Hostname() == "" || public.User != nil ||
		strings.Trim(public.Path, "/") != "" || public.RawQuery != "" || public.Fragment != "" {
		return nil, misuse{fmt.Errorf("--url %q is not an address of a whole site, such as https://dash.example.org", set)}
	}
	return &url.URL{Scheme: public.Scheme, Host: strings.ToLower(public.Host)}, nil
}

func innermost(err error) error {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err
}

// withDatabase opens the database that a server may be using at the same time.
// It makes none, unless told: a mistyped path is more likely.
func (at console) withDatabase(ctx context.Context, make bool, work func(*models.DB) error) error {
	if _, err := os.Stat(at.db); errors.Is(err, fs.ErrNotExist) && !make {
		return fmt.Errorf("there is no database at %s; name it with --database", at.db)
	}
	db, err := models.Open(ctx, at.db)
	if err != nil {
		return err
	}
	db.Log = at.log
	return errors.Join(work(db), db.Close())
}

// withUser opens the database and finds a user.
func (at console) withUser(ctx context.Context, name string, work func(*models.DB, *models.User) error) error {
	return at.withDatabase(ctx, false, func(db *models.DB) error {
		user, err := db.User(ctx, name)
		if errors.Is(err, models.ErrNotFound) {
			return fmt.Errorf("there is no user %q", name)
		}
		if err != nil {
			return err
		}
		err = work(db, user)
		if errors.Is(err, models.ErrLastAdmin) {
			return fmt.Errorf("%s is the last administrator; add another one first, with: daypass user add NAME --admin", user.Name)
		}
		return err
	})
}

func (u *userAdd) Run(ctx context.Context, at console) error {
	password, err := at.newPassword()
	if err != nil {
		return err
	}
	asked := models.NewUser{Name: u.Name, FullName: u.FullName, Password: password, Role: models.Member}
	if u.Admin {
		asked.Role = models.Admin
	}
	return at.withDatabase(ctx, true, func(db *models.DB) error {
		user, err := db.AddUser(ctx, asked, models.CommandLine)
		if err != nil {
			return err
		}
		fmt.Fprintf(at.out, "Added %s (%s).\n", user.Name, user.Role)
		return nil
	})
}

func (u *userList) Run(ctx context.Context, at console) error {
	return at.withDatabase(ctx, false, func(db *models.DB) error {
		users, err := db.Users(ctx)
		if err != nil {
			return err
		}
		if u.JSON {
			return at.printJSON(users)
		}
		rows := [][]string{{"USERNAME", "FULL NAME", "ROLE", "STATE", "CREATED"}}
		for _, user := range users {
			state := "enabled"
			if user.Disabled {
				state = "disabled"
			}
			rows = append(rows, []string{user.Name, user.FullName, string(user.Role), state, user.Created.Format(time.DateTime)})
		}
		return at.printTable(rows)
	})
}

func (u *userPassword) Run(ctx context.Context, at console) error {
	return at.withUser(ctx, u.Name, func(db *models.DB, user *models.User) error {
		password, err := at.newPassword()
		if err != nil {
			return err
		}
		if err := db.SetPassword(ctx, user, password, models.CommandLine); err != nil {
			return err
		}
		fmt.Fprintf(at.out, "%s has a new password; all sessions of %s were ended.\n", user.Name, user.Name)
		return nil
	})
}

func (u *userDisable) Run(ctx context.Context, at console) error {
	return at.withUser(ctx, u.Name, func(db *models.DB, user *models.User) error {
		if err := db.SetDisabled(ctx, user, true, models.CommandLine); err != nil {
			return err
		}
		fmt.Fprintf(at.out, "%s is disabled and signed out everywhere.\n", user.Name)
		return nil
	})
}

func (u *userEnable) Run(ctx context.Context, at console) error {
	return at.withUser(ctx, u.Name, func(db *models.DB, user *models.User) error {
		if err := db.SetDisabled(ctx, user, false, models.CommandLine); err != nil {
			return err
		}
		fmt.Fprintf(at.out, "%s may sign in again.\n", user.Name)
		return nil
	})
}

func (u *userRemove) Run(ctx context.Context, at console) error {
	return at.withUser(ctx, u.Name, func(db *models.DB, user *models.User) error {
		if err := db.RemoveUser(ctx, user, models.CommandLine); err != nil {
			return err
		}
		fmt.Fprintf(at.out, "%s was removed.\n", user.Name)
		return nil
	})
}

func (s *sessionList) Run(ctx context.Context, at console) error {
	if s.User != "" {
		return at.withUser(ctx, s.User, func(db *models.DB, user *models.User) error {
			sessions, _, err := db.SessionsOf(ctx, user, math.MaxInt32)
			if err != nil {
				return err
			}
			return s.print(at, sessions)
		})
	}
	return at.withDatabase(ctx, false, func(db *models.DB) error {
		sessions, err := db.Sessions(ctx, "", math.MaxInt32)
		if err != nil {
			return err
		}
		return s.print(at, sessions)
	})
}

func (s *sessionList) print(at console, sessions []models.Session) error {
	if s.JSON {
		type session struct {
			ID      string    `json:"id"`
			User    string    `json:"user"`
			Address string    `json:"address"`
			Browser string    `json:"browser"`
			Created time.Time `json:"created"`
			Seen    time.Time `json:"seen"`
			Expires time.Time `json:"expires"`
		}
		listed := []session{}
		for _, s := range sessions {
			listed = append(listed, session{s.ID, s.User.Name, s.Address, s.Browser, s.Created.Time, s.Seen.Time, s.Expires.Time})
		}
		return at.printJSON(listed)
	}
	rows := [][]string{{"ID", "USER", "ADDRESS", "BROWSER", "SEEN", "EXPIRES"}}
	for _, s := range sessions {
		rows = append(rows, []string{s.ID, s.User.Name, s.Address, s.Browser, s.Seen.Format(time.DateTime), s.Expires.Format(time.DateTime)})
	}
	return at.printTable(rows)
}

func (s *sessionEnd) Run(ctx context.Context, at console) error {
	chosen := 0
	for _, given := range []bool{s.ID != "", s.User != "", s.All} {
		if given {
			chosen++
		}
	}
	if chosen != 1 {
		return misuse{errors.New("name one session, or --user NAME, or --all")}
	}
	ended := func(count int64) { fmt.Fprintf(at.out, "Sessions ended: %d\n", count) }
	if s.User != "" {
		return at.withUser(ctx, s.User, func(db *models.DB, user *models.User) error {
			count, err := db.EndSessionsOf(ctx, user, models.CommandLine)
			if err == nil {
				ended(count)
			}
			return err
		})
	}
	return at.withDatabase(ctx, false, func(db *models.DB) error {
		if s.All {
			count, err := db.EndAllSessions(ctx, models.CommandLine)
			if err == nil {
				ended(count)
			}
			return err
		}
		session, err := db.Session(ctx, s.ID)
		if err == nil {
			err = db.EndSession(ctx, session, models.CommandLine)
		}
		if errors.Is(err, models.ErrNotFound) {
			return fmt.Errorf("there is no session %q; see: daypass session list", s.ID)
		}
		if err == nil {
			ended(1)
		}
		return err
	})
}

// Run examines the installation and prints a line for each thing it looked at.
func (d *doctor) Run(ctx context.Context, at console) error {
	var found []models.Finding
	if at.misspelt != nil {
		found = append(found, models.Finding{Level: models.Wrong, About: "variables", Found: at.misspelt.Error(), Do: "remove or correct it: the server does not start"})
	} else if len(at.unknown) > 0 {
		found = append(found, models.Finding{Level: models.Warning, About: "variables", Found: "mean nothing here: " + strings.Join(at.unknown, ", "), Do: "remove or correct them, unless something else sets them, as Kubernetes does"})
	}
	found = append(found, models.ExamineFiles(at.db)...)
	examine := func(db *models.DB) error {
		config, err := d.config(at)
		if err != nil {
			return err
		}
		if _, set := os.LookupEnv(secretVariable); !set {
			found = append(found, models.ExamineSecretFile(d.secretPath(at.db)))
		}
		found = append(found, handlers.Examine(ctx, db, config, d.Listen)...)
		return nil
	}
	var err error
	if _, missing := os.Stat(at.db); errors.Is(missing, fs.ErrNotExist) {
		found = append(found, models.Finding{Level: models.OK, About: "database", Found: at.db + " is not there yet: the start makes it"})
		err = examine(nil)
	} else {
		err = at.withDatabase(ctx, false, func(db *models.DB) error {
			found = append(found, db.Examine(ctx)...)
			return examine(db)
		})
	}
	if err != nil {
		found = append(found, models.Finding{Level: models.Wrong, About: "start", Found: err.Error(), Do: "until then the server does not start"})
	}
	if err := d.print(at, found); err != nil {
		return err
	}
	wrong := 0
	for _, finding := range found {
		if finding.Level == models.Wrong {
			wrong++
		}
	}
	if wrong > 0 {
		return fmt.Errorf("things that are wrong: %d", wrong)
	}
	return nil
}

// config is what the site would be told, without listening.
func (d *doctor) config(at console) (handlers.Config, error) {
	address, err := net.ResolveTCPAddr("tcp", d.Listen)
	if err != nil {
		return handlers.Config{}, err
	}
	public, err := publicURL(d.URL, address)
	if err != nil {
		return handlers.Config{}, err
	}
	if _, err := os.Stat(d.secretPath(at.db)); err != nil && os.Getenv(secretVariable) == "" {
		return handlers.Config{URL: public, TrustedProxies: d.TrustedProxy}, nil // the server will make one
	}
	secrets, err := d.secrets(at.db)
	return handlers.Config{URL: public, Secrets: secrets, TrustedProxies: d.TrustedProxy}, err
}

func (d *doctor) print(at console, found []models.Finding) error {
	if d.JSON {
		return at.printJSON(found)
	}
	var rows [][]string
	for _, finding := range found {
		row := []string{string(finding.Level), finding.About, finding.Found}
		rows = append(rows, row)
		if finding.Do != "" {
			rows = append(rows, []string{"", "", "→ " + finding.Do})
		}
	}
	return at.printTable(rows)
}

// Run writes a page, and says what to do next.
func (v *newView) Run(at console) error {
	checkout, err := scaffold.Open(".")
	if err != nil {
		return misuse{err}
	}
	view := scaffold.View{Name: v.Name, Admin: v.Admin}
	if v.Table != "" {
		if view.Columns, err = scaffold.ParseColumns(v.Table); err != nil {
			return misuse{err}
		}
	}
	files, err := view.Write(checkout)
	if err != nil {
		return err
	}
	for _, file := range files.New {
		fmt.Fprintln(at.out, "new     ", file)
	}
	for _, file := range files.Changed {
		fmt.Fprintln(at.out, "changed ", file)
	}
	fmt.Fprintf(at.out, `
Next: see the page at %s with
  go run . serve --dev
write what it shows into views/%s.html, and run its test with
  go test ./handlers
`, view.Path(), v.Name)
	return nil
}

// Run makes the copy, and says what to do next.
func (a *newApp) Run(at console) error {
	checkout, err := scaffold.Open(".")
	if err != nil {
		return misuse{err}
	}
	folder, err := scaffold.App{Name: a.Name, Module: a.Module, Title: a.Title, Folder: a.Folder}.Write(checkout)
	if err != nil {
		return err
	}
	fmt.Fprintf(at.out, `%s is in %s. Next:
  cd %s
  go test ./...
  go run .
The pictures of its README are still of the old name; these make new ones:
  go test -run HowItLooks -artifacts .
`, a.Name, folder, folder)
	return nil
}

func (versionCommand) Run(at console) error {
	revision := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				revision = " (" + setting.Value[:min(12, len(setting.Value))] + ")"
			}
		}
	}
	_, err := fmt.Fprintf(at.out, "daypass %s%s, %s, %s/%s\n", version, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// newPassword asks twice at a terminal, and reads one line from anything else.
func (at console) newPassword() (string, error) {
	file, ok := at.in.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		line, err := bufio.NewReader(io.LimitReader(at.in, 2*models.MaxPassword)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read the password: %w", err)
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	ask := func(prompt string) (string, error) {
		fmt.Fprint(at.err, prompt)
		typed, err := term.ReadPassword(int(file.Fd()))
		fmt.Fprintln(at.err)
		return string(typed), err
	}
	first, err := ask(fmt.Sprintf("Password (at least %d characters): ", models.MinPassword))
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	second, err := ask("The same again: ")
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	if first != second {
		return "", errors.New("the two passwords differ; nothing was changed")
	}
	return first, nil
}

func (at console) printJSON(value any) error {
	encoder := json.NewEncoder(at.out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

func (at console) printTable(rows [][]string) error {
	table := tabwriter.NewWriter(at.out, 0, 0, 3, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(table, strings.Join(row, "\t"))
	}
	return table.Flush()
}
