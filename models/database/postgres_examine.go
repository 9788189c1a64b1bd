package database

import (
	"context"
	"fmt"
)

func (db *postgresEngine) examine(ctx context.Context) []Finding {
	const about = "database"
	version, err := db.SchemaVersion(ctx)
	if err != nil {
		return []Finding{{Failed, about, explainPostgres(db.shown, err).Error(), "see what the server's log says"}}
	}
	return []Finding{{OK, about, fmt.Sprintf("%s answers, schema version %d", db.shown, version), ""}}
}
