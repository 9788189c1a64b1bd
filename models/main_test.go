package models

import (
	"testing"

	"daypass/models/database/databasetest"
	"daypass/models/password"
)

func TestMain(m *testing.M) {
	password.SetCost(password.Cheapest)
	databasetest.Main(m)
}
