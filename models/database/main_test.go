package database

import (
	"testing"

	"daypass/models/database/databasetest"
)

func TestMain(m *testing.M) { databasetest.Main(m) }
