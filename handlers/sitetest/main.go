package sitetest

import (
	"os"
	"testing"

	"daypass/handlers/command"
)

// Main lets the test binary be the program, for tests that need a process
// of their own. TestMain of every package that starts programs calls it.
func Main(m *testing.M) {
	if os.Getenv("BE_THE_PROGRAM") != "" {
		os.Unsetenv("BE_THE_PROGRAM")
		command.Main()
	}
	if file := os.Getenv("BE_ANOTHER_WRITER"); file != "" {
		writeWhatIsTold(file)
		os.Exit(0)
	}
	os.Exit(m.Run())
}
