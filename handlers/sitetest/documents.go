package sitetest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Documents are the README and the help topics, by file.
func Documents(t *testing.T) map[string]string {
	t.Helper()
	root := Root(t)
	files, err := filepath.Glob(filepath.Join(root, "handlers/command/help/*.md"))
	Must(t, err)
	texts := map[string]string{}
	for _, file := range append(files, filepath.Join(root, "README.md")) {
		text, err := os.ReadFile(file)
		Must(t, err)
		name, err := filepath.Rel(root, file)
		Must(t, err)
		texts[name] = string(text)
	}
	return texts
}

// Block returns the fenced block of a document that begins with a line.
func Block(t *testing.T, document, first string) string {
	t.Helper()
	_, text, found := strings.Cut(document, "\n"+first)
	text, _, closed := strings.Cut(text, "\n```\n")
	if !found || !closed {
		t.Fatalf("no block begins with %s", first)
	}
	return first + text + "\n"
}
