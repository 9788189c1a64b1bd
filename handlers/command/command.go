// Package command is the command line, one file for each command. Every flag of
// serve is also a variable: --listen is DAYPASS_LISTEN. A command reads from and
// writes to its console, so that tests can run it without a process.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"daypass/handlers/web"
	"daypass/models/database"
)

// CommandLine is the whole command line. A flag with a variable may be set by either;
// the flag wins.
type CommandLine struct {
	Database string `default:"data/daypass.db" env:"DAYPASS_DATABASE" placeholder:"FILE" help:"The database: a file, created if missing, or the postgres:// URL of a PostgreSQL database."`
	Log      string `default:"text" enum:"text,json" env:"DAYPASS_LOG" help:"Log format: text for people, json for machines."`

	PrintVersion bool `name:"version" help:"Print the version."`

	Serve   serve          `cmd:"" default:"withargs" help:"Run the web server. This is the default command."`
	User    userCommand    `cmd:"" help:"Add, list and change users."`
	Doctor  doctor         `cmd:"" help:"Check this installation, and say what to do about each problem."`
	Session sessionCommand `cmd:"" help:"List and end sessions."`
	Secret  secretCommand  `cmd:"" help:"List, add and remove the secrets that sign cookies."`
	Copy    copyCommand    `cmd:"" help:"Copy the database to another place, such as from a file to PostgreSQL or back. Nobody is signed out."`
	New     newCommand     `cmd:"" help:"For developers, in a checkout: write a new page, or copy this project under a new name."`
	Version versionCommand `cmd:"" help:"Print the version."`
	Help    helpCommand    `cmd:"" help:"Show a help topic, or list the topics."`
}

// secretVariable has no flag: the flags of a process can be seen by others.
const secretVariable = variablePrefix + "SECRET"

// databaseVariable may have a password, which the flag may not.
const databaseVariable = variablePrefix + "DATABASE"

// variablePrefix begins the names of all variables that the program reads.
const variablePrefix = "DAYPASS_"

// console is where a command reads and writes.
type console struct {
	args     []string // the command line
	in       io.Reader
	out, err io.Writer
	db       string // address of the database
	log      *slog.Logger
	unknown  []string // variables that begin like those of the program, and are none of them
	misspelt error    // about one of them that is most likely misspelt
}

// usageError means that the command line is wrong.
type usageError struct{ error }

// Main runs the command line of the process, and ends the process.
func Main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// Run runs a command line and returns its exit status: 0, 1 when it failed, 2
// when it was wrong.
func Run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	var line CommandLine
	exited := false
	parser := kong.Must(&line,
		kong.Name("daypass"),
		kong.Description("A login-protected dashboard in one binary. For longer answers, see: daypass help"),
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
		err = usageError{plainly(unknownCommand(err, args))}
	case database.HasPassword(line.Database) && os.Getenv(databaseVariable) != line.Database:
		err = usageError{fmt.Errorf("--database has a password, which everyone can see who lists the processes; put the URL into %s, or the password into PGPASSWORD or ~/.pgpass", databaseVariable)}
	case misspelt != nil && command.Selected().Name != "doctor" && command.Selected().Name != "help": // the doctor has a line for it
		err = misspelt
	default:
		level := slog.LevelInfo
		if command.Selected().Name != "serve" { // which says itself what it did
			level = slog.LevelWarn
		}
		log := newLog(errs, line.Log, level)
		defer log.Flush()
		at := console{args, in, out, errs, line.Database, slog.New(log), unknown, misspelt}
		command.BindTo(ctx, (*context.Context)(nil))
		if line.PrintVersion {
			err = line.Version.Run(at)
		} else {
			err = command.Run(at)
		}
	}
	var wrong usageError
	var failed failedError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &failed):
		var ended *exec.ExitError
		if errors.As(err, &ended) && ended.ExitCode() > 0 {
			return ended.ExitCode()
		}
		return 1
	case errors.As(err, &wrong), errors.Is(err, database.ErrAddress):
		fmt.Fprintf(errs, "daypass: %v; see daypass --help\n", err)
		return 2
	}
	fmt.Fprintf(errs, "daypass: %v\n", err)
	return 1
}

// unknownCommand gives an error about a word in the place of a command its name:
// the parser, which takes the word for an argument of serve, calls it unexpected.
func unknownCommand(err error, args []string) error {
	var parse *kong.ParseError
	word, unexpected := strings.CutPrefix(err.Error(), "unexpected argument ")
	if !unexpected || !errors.As(err, &parse) {
		return err
	}
	if at := parse.Context.Selected(); at != nil && len(at.Children) == 0 && slices.Contains(args, at.Name) {
		return err
	}
	return errors.New("unknown command " + word)
}

// plainly says what is wrong with the value of a flag or a variable without Go's own words.
func plainly(err error) error {
	for wrong, right := range map[*regexp.Regexp]string{
		wrongDuration: `$1 is not a length of time, such as 90s, 15m or 24h`,
		wrongNetwork:  `$1 is not a network, such as 10.0.0.0/8, or 192.0.2.1/32 for one address`,
	} {
		if text := err.Error(); wrong.MatchString(text) {
			return errors.New(wrong.ReplaceAllString(text, right))
		}
	}
	return err
}

var (
	wrongDuration = regexp.MustCompile(`expected duration but got ("[^"]*").*`)
	wrongNetwork  = regexp.MustCompile(`netip\.ParsePrefix\(("[^"]*")\).*`)
)

func newLog(to io.Writer, form string, level slog.Level) *web.LogHandler {
	options := &slog.HandlerOptions{Level: level}
	if form == "json" {
		return web.NewLogHandler(slog.NewJSONHandler(to, options))
	}
	return web.NewLogHandler(slog.NewTextHandler(to, options))
}
