package command_test

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"daypass/handlers/sitetest"
	"daypass/models"
)

// TestABrandIsCheckedAtTheStart: what browsers would not show stops the program.
func TestABrandIsCheckedAtTheStart(t *testing.T) {
	t.Parallel()
	file := func(content string) string {
		name := filepath.Join(t.TempDir(), "icon")
		sitetest.Must(t, os.WriteFile(name, []byte(content), 0o600))
		return name
	}
	var wide bytes.Buffer
	sitetest.Must(t, png.Encode(&wide, image.NewGray(image.Rect(0, 0, models.MaxIconSide+1, 1))))
	for _, each := range []struct{ flag, value, says string }{
		{"--title", " ", "is no title"},
		{"--title", strings.Repeat("x", models.MaxTitle+1), "is no title"},
		{"--title", "two\nlines", "is no title"},
		{"--forgotten", strings.Repeat("x", models.MaxForgotten+1), "--forgotten has more than"},
		{"--icon", filepath.Join(t.TempDir(), "none"), "no such file"},
		{"--icon", file(""), "neither a PNG nor an SVG file"},
		{"--icon", file("<html></html>"), "its root is <html>"},
		{"--icon", file(`<svg xmlns="http://www.w3.org/2000/svg"><rect></svg>`), "neither a PNG nor an SVG file"},
		{"--icon", file(strings.Repeat("x", models.MaxIcon+1)), "more than 64 KiB"},
		{"--icon", file(wide.String()), "1025 × 1 pixels"},
	} {
		for command, exit := range map[string]int{"serve": 2, "doctor": 1} { // which goes on to find what else is wrong
			status, out, errs := sitetest.Typed(t, "", command, each.flag, each.value, "--database", filepath.Join(t.TempDir(), "daypass.db"), "--listen", "127.0.0.1:0")
			if status != exit || !strings.Contains(out+errs, each.says) {
				t.Errorf("%s %s %.20q: %d, %s%s", command, each.flag, each.value, status, out, errs)
			}
		}
	}
}

// TestOneBinaryServesAnybodysProduct by its configuration alone.
func TestOneBinaryServesAnybodysProduct(t *testing.T) {
	t.Parallel()
	p := sitetest.Launch(t, t.TempDir(), "--listen", "127.0.0.1:0", "--title", "Quill")
	if said := p.Out.String(); !strings.Contains(said, "\n  Quill is at http://") {
		t.Errorf("it says %q", said)
	}
	p.Stop()
}
