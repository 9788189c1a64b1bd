package sitetest

import (
	"os"
	"path/filepath"
	"testing"

	"daypass/handlers/scaffold"
)

// Root returns the root of the checkout that a test runs in.
func Root(t *testing.T) string {
	t.Helper()
	folder, err := os.Getwd()
	Must(t, err)
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder
		}
		above := filepath.Dir(folder)
		if above == folder {
			t.Fatal("there is no go.mod in any folder above")
		}
		folder = above
	}
}

// CopyOfTheTree copies the source to a folder of its own.
func CopyOfTheTree(t *testing.T) string {
	t.Helper()
	here, err := scaffold.Open(Root(t))
	Must(t, err)
	tree := t.TempDir()
	Must(t, here.Copy(tree, nil))
	return tree
}
