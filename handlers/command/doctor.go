package command

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"

	"daypass/handlers"
	"daypass/models"
	"daypass/models/database"
)

type doctor struct {
	Settings `embed:""`
	JSON     bool `name:"json" help:"Print JSON."`
}

// Run checks the installation and prints a line for each thing it looked at.
func (d *doctor) Run(ctx context.Context, at console) error {
	var found []models.Finding
	if at.misspelt != nil {
		found = append(found, models.Finding{Level: models.Failed, About: "variables", Found: at.misspelt.Error(), Fix: "correct or remove it; until then the server does not start"})
	} else if len(at.unknown) > 0 {
		found = append(found, models.Finding{Level: models.Warning, About: "variables", Found: "unknown: " + strings.Join(at.unknown, ", "), Fix: "correct or remove them, unless something else sets them, as Kubernetes does"})
	}
	found = append(found, models.DiagnoseFiles(at.db)...)
	examine := func(db *models.DB) error {
		config, err := d.config(ctx, at, db)
		if err != nil {
			return err
		}
		if !d.Secret.inVariable() && !d.Secret.inDatabase(at.db) {
			found = append(found, models.DiagnoseSecretFile(d.Secret.path(at.db)))
		}
		found = append(found, handlers.Diagnose(ctx, db, config, d.Listen)...)
		return nil
	}
	refuse := func(err error) {
		if err != nil {
			found = append(found, models.Finding{Level: models.Failed, About: "start", Found: err.Error(), Fix: "correct this: until then the server does not start"})
		}
	}
	var err error
	if !database.Exists(at.db) {
		found = append(found, models.Finding{Level: models.OK, About: "database", Found: at.db + " does not exist yet: it is created at the first start"})
		err = examine(nil)
	} else {
		err = at.withDatabase(ctx, false, func(db *models.DB) error {
			db.SecondFactor = models.SecondFactorRule{For: d.SecondFactor, Grace: d.SecondFactorGrace}
			found = append(found, db.Diagnose(ctx)...)
			refuse(refuseMoved(ctx, db))
			return examine(db)
		})
	}
	refuse(err)
	if err := d.print(at, found); err != nil {
		return err
	}
	wrong := 0
	for _, finding := range found {
		if finding.Level == models.Failed {
			wrong++
		}
	}
	if wrong > 0 {
		return fmt.Errorf("problems found: %d", wrong)
	}
	return nil
}

// config is the configuration that the site would have, without listening.
func (d *doctor) config(ctx context.Context, at console, db *models.DB) (handlers.Config, error) {
	address, err := net.ResolveTCPAddr("tcp", d.Listen)
	if err != nil {
		return handlers.Config{}, err
	}
	if _, err := d.brand(); err != nil {
		return handlers.Config{}, err
	}
	public, err := publicURL(d.URL, address)
	if err != nil {
		return handlers.Config{}, err
	}
	if _, err := os.Stat(d.Secret.path(at.db)); err != nil && !d.Secret.inVariable() && !d.Secret.inDatabase(at.db) {
		return handlers.Config{URL: public, PasskeyDomain: d.PasskeyDomain, TrustedProxies: d.TrustedProxy}, nil // the server will make one
	}
	secrets, _, err := d.Secret.secrets(ctx, db, at.db)
	return handlers.Config{URL: public, PasskeyDomain: d.PasskeyDomain, Secrets: secrets, TrustedProxies: d.TrustedProxy}, err
}

func (d *doctor) print(at console, found []models.Finding) error {
	if d.JSON {
		return at.printJSON(found)
	}
	var rows [][]string
	for _, finding := range found {
		row := []string{string(finding.Level), finding.About, finding.Found}
		rows = append(rows, row)
		if finding.Fix != "" {
			rows = append(rows, []string{"", "", "→ " + finding.Fix})
		}
	}
	return at.printTable(rows)
}
