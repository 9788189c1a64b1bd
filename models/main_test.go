package models

import (
	"os"
	"testing"

	"daypass/models/password"
)

func TestMain(m *testing.M) {
	password.SetCost(password.Cheapest)
	os.Exit(m.Run())
}
