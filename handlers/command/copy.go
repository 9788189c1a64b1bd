package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"daypass/handlers/session"
	"daypass/models"
	"daypass/models/database"
)

type copyCommand struct {
	From    string         `required:"" placeholder:"ADDRESS" help:"The database to copy: a file, or a postgres:// URL. Its servers can't write meanwhile."`
	To      string         `placeholder:"ADDRESS" help:"The database to copy to: empty, or an earlier copy of the same one."`
	Stay    bool           `help:"Go on with the database that is copied. Without --to, go on with one that was copied earlier."`
	Secrets secretSettings `embed:""`
}

// Run copies a database to another place, with the secrets, so that nobody is signed out.
func (c *copyCommand) Run(ctx context.Context, at console) error {
	if c.To == "" && !c.Stay {
		return usageError{errors.New("--to says where to copy to")}
	}
	for _, address := range []string{c.From, c.To} {
		if database.HasPassword(address) {
			return usageError{errors.New("others can see the flags of a process: give the password in PGPASSWORD or in ~/.pgpass")}
		}
	}
	at.db = c.From
	return at.withDatabase(ctx, false, func(from *models.DB) error {
		if c.To == "" {
			return from.UndoMove(ctx)
		}
		if moved, err := from.MovedTo(ctx); err != nil {
			return err
		} else if moved == database.Unfinished {
			return fmt.Errorf("%s is an unfinished copy itself", from.Address())
		}
		secrets, _, err := c.Secrets.secrets(ctx, from, c.From)
		if err != nil {
			return err
		}
		to := console{db: c.To, log: at.log}
		return to.withDatabase(ctx, true, func(copied *models.DB) error { return c.copy(ctx, at, from, copied, secrets) })
	})
}

func (c *copyCommand) copy(ctx context.Context, at console, from, to *models.DB, secrets []string) error {
	inFile := !c.Secrets.inVariable() && c.Secrets.File == "" && !database.IsURL(c.To)
	if inFile {
		if err := refuseOtherSecrets(c.Secrets.path(c.To), secrets); err != nil {
			return err
		}
	}
	err := database.Copy(ctx, from.DB, to.DB, !c.Stay, func(table database.CopiedTable) {
		if table.Verified {
			fmt.Fprintf(at.out, "%s: %d rows are equal, checksum %s\n", table.Name, table.Rows, table.Sum)
		} else {
			fmt.Fprintf(at.out, "%s: %d rows compared, %d written\n", table.Name, table.Rows, table.Written)
		}
	}, func() error {
		switch {
		case inFile:
			return session.WriteSecretFile(c.Secrets.path(c.To), secrets)
		case c.Secrets.inDatabase(c.To):
			return to.SetSecrets(ctx, secrets)
		}
		fmt.Fprintln(at.out, "Give the servers the same secrets as before.")
		return nil
	})
	if err == nil && !c.Stay {
		fmt.Fprintf(at.out, "Now start the servers with the address of the copy. %s can't be used any more; to go on with it: daypass copy --stay --from ADDRESS\n", from.Address())
	}
	return err
}

// refuseOtherSecrets returns an error if a file has secrets of another installation. Those
// of an earlier copy may be older or newer ones.
func refuseOtherSecrets(path string, secrets []string) error {
	present, err := session.ReadSecretFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && !slices.ContainsFunc(present, func(secret string) bool { return slices.Contains(secrets, secret) }) {
		err = fmt.Errorf("the file %s has other secrets, which the copy would replace; copy to another folder, or move that file away", path)
	}
	return err
}

// refuseMoved returns an error if a database was copied to another place.
func refuseMoved(ctx context.Context, db *models.DB) error {
	moved, err := db.MovedTo(ctx)
	switch {
	case err != nil:
		return err
	case moved == database.Unfinished:
		return fmt.Errorf("the copy %s is not complete; run daypass copy again", db.Address())
	case moved != "":
		return fmt.Errorf("the database %s was copied to %s; start with the address of that one, or go on with this one: daypass copy --stay --from ADDRESS", db.Address(), moved)
	}
	return nil
}
