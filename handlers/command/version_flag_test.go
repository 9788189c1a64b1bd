package command_test

import (
	"path/filepath"
	"strings"
	"testing"

	"daypass/handlers/sitetest"
)

// TestVersionIsPrintedWhateverElseIsTyped: it must not start a server.
func TestVersionIsPrintedWhateverElseIsTyped(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "daypass.db")
	for _, args := range [][]string{{"--version"}, {"--database", file, "--version"}, {"serve", "--listen", "256.0.0.1:1", "--version"}} {
		if status, out, errs := sitetest.Typed(t, "", args...); status != 0 || !strings.HasPrefix(out, "daypass ") {
			t.Errorf("daypass %q: status %d: %s%s", args, status, out, errs)
		}
	}
}
