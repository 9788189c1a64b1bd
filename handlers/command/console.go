package command

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"golang.org/x/term"

	"daypass/models"
	"daypass/models/database"
	"daypass/models/password"
)

// withDatabase opens the database that a server may be using at the same time.
// It creates none, unless told: a mistyped path is more likely.
func (at console) withDatabase(ctx context.Context, make bool, work func(*models.DB) error) error {
	if !make && !database.Exists(at.db) {
		return fmt.Errorf("there is no database at %s; give its path with --database", at.db)
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

// newPassword asks twice at a terminal, and reads one line from anything else.
func (at console) newPassword() (string, error) {
	file, ok := at.in.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		line, err := bufio.NewReader(io.LimitReader(at.in, 2*password.MaxLength)).ReadString('\n')
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
	first, err := ask(fmt.Sprintf("Password (at least %d characters): ", password.MinLength))
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	second, err := ask("Repeat password: ")
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	if first != second {
		return "", errors.New("the passwords don't match; nothing was changed")
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
