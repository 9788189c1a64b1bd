// Package scaffold writes what a developer would write by hand: a new page of
// the site, or a copy of all of it under another name. It works on the files of
// a checkout. A page is written whole or not at all.
package scaffold

import (
	"bytes"
	"errors"
	"fmt"
	"go/format"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

// Checkout is the root folder of a checkout.
type Checkout string

// Open returns the checkout at a folder, or a sentence that says why it is none.
func Open(root string) (Checkout, error) {
	for _, file := range []string{"go.mod", "main.go", "handlers/routes.go", "views/layouts/begin.html"} {
		if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(file))); err != nil {
			return "", fmt.Errorf("this needs a checkout, and there is no %s here; go to its root", file)
		}
	}
	return Checkout(root), nil
}

func (c Checkout) path(file string) string { return filepath.Join(string(c), filepath.FromSlash(file)) }

func (c Checkout) read(file string) ([]byte, error) { return os.ReadFile(c.path(file)) }

// module is the name by which the checkout's packages are imported.
func (c Checkout) module() (string, error) {
	content, err := c.read("go.mod")
	if err != nil {
		return "", err
	}
	name := modfile.ModulePath(content)
	if name == "" {
		return "", errors.New("go.mod names no module")
	}
	return name, nil
}

// Files are what was written, by path from the root of the checkout.
type Files struct {
	New     []string
	Changed []string
}

// draft collects files before any is written.
type draft struct {
	checkout Checkout
	added    map[string][]byte
	changed  map[string]edited
}

// edited is a file before and after a change.
type edited struct{ before, after []byte }

func newDraft(checkout Checkout) *draft {
	return &draft{checkout, make(map[string][]byte), make(map[string]edited)}
}

// add drafts a new file, and refuses one that is there already.
func (d *draft) add(file string, content []byte) error {
	if _, err := os.Stat(d.checkout.path(file)); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there already; nothing was written", file)
	}
	formatted, err := formattedFile(file, content)
	d.added[file] = formatted
	return err
}

// change drafts another content for a file.
func (d *draft) change(file string, edit func(content []byte) ([]byte, error)) error {
	before, err := d.checkout.read(file)
	if err != nil {
		return err
	}
	after, err := edit(before)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	after, err = formattedFile(file, after)
	d.changed[file] = edited{before, after}
	return err
}

func formattedFile(file string, content []byte) ([]byte, error) {
	if !strings.HasSuffix(file, ".go") {
		return content, nil
	}
	formatted, err := format.Source(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return formatted, nil
}

// write writes the draft. What was written is taken back when a file fails.
func (d *draft) write() (Files, error) {
	var files Files
	undo := func(because error) (Files, error) {
		for _, file := range files.New {
			because = errors.Join(because, os.Remove(d.checkout.path(file)))
		}
		for _, file := range files.Changed {
			because = errors.Join(because, os.WriteFile(d.checkout.path(file), d.changed[file].before, 0o644))
		}
		return Files{}, because
	}
	for file, content := range d.added {
		created, err := os.OpenFile(d.checkout.path(file), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return undo(err)
		}
		files.New = append(files.New, file)
		_, err = created.Write(content)
		if err := errors.Join(err, created.Close()); err != nil {
			return undo(err)
		}
	}
	for file, change := range d.changed {
		files.Changed = append(files.Changed, file)
		if err := os.WriteFile(d.checkout.path(file), change.after, 0o644); err != nil {
			return undo(err)
		}
	}
	slices.Sort(files.New)
	slices.Sort(files.Changed)
	return files, nil
}

// insert puts a text into another one, behind the line that ends after offset.
func insert(content []byte, offset int, text string) []byte {
	if end := bytes.IndexByte(content[offset:], '\n'); end >= 0 {
		offset += end + 1
	}
	return slices.Concat(content[:offset], []byte(text), content[offset:])
}
