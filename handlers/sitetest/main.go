package sitetest

import (
	"flag"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"daypass/handlers/command"
	"daypass/models/database/databasetest"
	"daypass/models/password"
)

// realHashes is the variable with which [RealHashes] reaches the programs that a test starts.
const realHashes = "REAL_HASHES"

// testsPerCore run at a time: most of them wait for the disk, a program or a browser.
const testsPerCore = 3

// Main lets the test binary be the program, for tests that need a process
// of their own, and makes passwords cheap to hash. TestMain of every package
// that starts sites or programs calls it.
func Main(m *testing.M) {
	benchmark := slices.ContainsFunc(os.Args, func(arg string) bool { return strings.HasPrefix(arg, "-test.bench=") })
	if os.Getenv(realHashes) == "" && !benchmark {
		password.SetCost(password.Cheapest)
	}
	if os.Getenv("BE_THE_PROGRAM") != "" {
		os.Unsetenv("BE_THE_PROGRAM")
		command.Main()
	}
	if file := os.Getenv("BE_ANOTHER_WRITER"); file != "" {
		writeWhatIsTold(file)
		os.Exit(0)
	}
	if os.Getenv("GOFLAGS") == "" {
		os.Setenv("GOFLAGS", "-trimpath") // copies of the tree then compile what is unchanged only once
	}
	flag.Parse()
	flag.Set("test.parallel", strconv.Itoa(testsPerCore*runtime.GOMAXPROCS(0)))
	databasetest.Main(m, func() { stopBrowser() })
}

// RealHashes makes a test hash passwords as the product does, for tests of what
// hashing costs. Such a test can't be parallel.
func RealHashes(t *testing.T) {
	t.Helper()
	t.Setenv(realHashes, "1")
	password.SetCost(password.Recommended)
	t.Cleanup(func() { password.SetCost(password.Cheapest) })
}
