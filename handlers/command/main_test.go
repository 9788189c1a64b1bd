package command_test

import (
	"testing"

	"daypass/handlers/sitetest"
)

func TestMain(m *testing.M) { sitetest.Main(m) }
