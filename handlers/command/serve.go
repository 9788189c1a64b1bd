package command

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"daypass/handlers"
	"daypass/handlers/render"
	"daypass/handlers/session"
	"daypass/handlers/web"
	"daypass/models"
	"daypass/models/database"
)

type serve struct {
	Settings `embed:""`
	Dev      bool `help:"For developers, in a checkout: read templates and assets from disk for each request, build and restart when Go code changes, show errors in the browser, and reload open pages automatically."`
}

// Run opens the models, builds the site and listens.
func (s *serve) Run(ctx context.Context, at console) error {
	if s.ThrottleAccount < 1 || s.ThrottleAddress < 1 || s.ThrottleDelay < 0 || s.ThrottleLongest < s.ThrottleDelay {
		return usageError{errors.New("--throttle-account and --throttle-address must be at least 1, and --throttle-longest at least --throttle-delay")}
	}
	if s.Lifetime < time.Minute {
		return usageError{fmt.Errorf("--lifetime %s is too short: the minimum is one minute", s.Lifetime)}
	}
	if s.Drain < 0 || s.Drain > models.MaxDrain {
		return usageError{fmt.Errorf("--drain %s must be between 0s and %s", s.Drain, models.MaxDrain)}
	}
	if s.SecondFactorGrace < 0 {
		return usageError{errors.New("--second-factor-grace can't be negative")}
	}
	if s.KeepActivity < s.Lifetime {
		return usageError{errors.New("--keep-activity must be at least as long as --lifetime")}
	}
	if s.Idle < 0 || s.Idle > 0 && s.Idle < 2*time.Minute {
		return usageError{fmt.Errorf("--idle %s is too short: the minimum is two minutes, since activity is recorded once a minute", s.Idle)}
	}
	if s.Idle > s.Lifetime {
		return usageError{fmt.Errorf("--idle %s is longer than --lifetime %s, so no session would ever be idle for that long", s.Idle, s.Lifetime)}
	}
	icon, err := s.brand()
	if err != nil {
		return err
	}
	checkout := ""
	if s.Dev {
		checkout = "."
		if err := render.CheckDev(checkout); err != nil {
			return usageError{fmt.Errorf("--dev: %w", err)}
		}
	}
	told, isDevServer := devServerOf()
	if s.Dev && !isDevServer && canRebuild(checkout) {
		listener, err := s.listen()
		if err != nil {
			return err
		}
		defer listener.Close()
		return develop(ctx, at, checkout, listener)
	}
	node := s.node(at.db)
	if node != "" {
		at.log = at.log.With("node", node)
	}
	db, err := models.OpenAs(ctx, at.db, node)
	if err != nil {
		return err
	}
	defer db.Close()
	db.Log, db.KeepEvents = at.log, s.KeepActivity
	db.Throttle = models.Throttle{Account: s.ThrottleAccount, Address: s.ThrottleAddress, Delay: s.ThrottleDelay, Longest: s.ThrottleLongest}

	if err := refuseMoved(ctx, db); err != nil {
		return err
	}
	if err := db.CheckClock(ctx); err != nil {
		return err
	}
	if err := db.CheckRestored(ctx); err != nil {
		return err
	}
	if err := db.SetIdle(ctx, s.Idle); err != nil {
		return err
	}
	secrets, readSecrets, err := s.Secret.secrets(ctx, db, at.db)
	if err != nil {
		return err
	}
	installation, err := db.Installation(ctx)
	if err != nil {
		return err
	}
	token := session.SetupToken(secrets[0], installation)
	var listener net.Listener
	problem, again := "", false
	if s.Dev && isDevServer {
		again, problem = told.again, told.problem
		listener, ctx, err = told.listen(ctx)
	} else {
		listener, err = s.listen()
	}
	if err != nil {
		return err
	}
	defer listener.Close()
	public, err := publicURL(s.URL, listener.Addr())
	if err != nil {
		return err
	}
	site, err := handlers.New(db, handlers.Config{
		URL: public, SecondFactor: models.SecondFactorRule{For: s.SecondFactor, Grace: s.SecondFactorGrace}, PasskeyDomain: s.PasskeyDomain, Secrets: secrets, ReadSecrets: readSecrets, Lifetime: s.Lifetime, TrustedProxies: s.TrustedProxy, Title: s.Title, Icon: icon, Forgotten: s.Forgotten, Drain: s.Drain, Node: node, SetupToken: token, AddAdmin: s.addAdmin(at.db), Log: at.log, Version: Version, Dev: checkout, DevProblem: problem,
	})
	if err != nil {
		return err
	}
	if !again {
		err = s.printBanner(ctx, at, db, listener.Addr(), public, token)
	}
	if err != nil {
		return err
	}
	at.log.Info("listening", "address", listener.Addr().String(), "url", public.String(), "database", db.Address(), "version", Version)
	if !isDevServer {
		said := make(chan struct{})
		unsaid := context.AfterFunc(ctx, func() {
			defer close(said)
			fmt.Fprintln(at.out, "  Ending: requests under way have ten seconds to finish. Ctrl-C again ends it immediately.")
		})
		defer func() {
			if !unsaid() {
				<-said
			}
		}()
	}
	db.Start()
	go settle()
	return site.Serve(ctx, listener)
}

func (s *serve) listen() (net.Listener, error) {
	listener, err := net.Listen("tcp", s.Listen)
	if err != nil {
		return nil, fmt.Errorf("can't listen on %s: %w; choose another address with --listen", s.Listen, innermost(err))
	}
	return listener, nil
}

// addAdmin returns the command that adds an administrator to a database, for the shell
// that this program was started in. Anybody may see it: an address with a password can
// only be in the variable, where the command finds it, too.
func (s *serve) addAdmin(address string) string {
	program := quoted(os.Args[0])
	if s.Dev || strings.Contains(program, "go-build") { // go run starts what it has just built
		program = "go run ."
	}
	program += " user add admin --admin"
	if database.HasPassword(address) {
		return program
	}
	return program + " --database " + quoted(address)
}

// quoted is a word as a POSIX shell reads it.
func quoted(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

var plainWord = regexp.MustCompile(`^[\w./:@%+,-]+$`)

// settle gives back to the system what the start took and nothing needs any
// more: packing the assets alone takes 11 MB, which a pool keeps for two collections.
func settle() {
	runtime.GC()
	debug.FreeOSMemory()
}

// printBanner prints the address of the site, and how to create the first account.
// The link is for the terminal alone; the log never has a token.
func (s *serve) printBanner(ctx context.Context, at console, db *models.DB, address net.Addr, public *url.URL, token string) error {
	found, err := db.HasUsers(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(at.out, "\n  %s is at %s\n", s.Title, public)
	if !found {
		fmt.Fprintf(at.out, "\n  No account yet. Create the first one here:\n  %s/setup?token=%s\n", public, token)
	}
	if s.Dev {
		fmt.Fprint(at.out, "\n  Open pages reload when a template, an asset or Go code changes.\n")
	}
	fmt.Fprintln(at.out)
	if public.Scheme == "http" && !web.IsLocal(public.Hostname()) {
		at.log.Warn("passwords and cookies travel unencrypted; put a proxy with TLS in front and set its address with --url https://…", "url", public.String())
	}
	if len(at.unknown) > 0 {
		at.log.Warn("unknown variables", "names", strings.Join(at.unknown, " "))
	}
	return nil
}
