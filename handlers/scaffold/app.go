package scaffold

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/mod/module"
)

// App is a copy of a checkout that is to be made, to become a product of its own.
type App struct {
	Name   string // of the binary, the cookie, the database file and, in capitals, the variables
	Module string // by which its packages are imported; empty: the name
	Title  string // what people read; empty: made from the name
	Folder string // must not be there, or be empty
}

// What stands for this product in its own files, from its binary to its title.
const (
	ownName  = "daypass"
	ownTitle = "Daypass"
)

var appTitle = regexp.MustCompile(`^[\pL\pN]+([ -][\pL\pN]+)*$`)

// Write copies the checkout, with its name replaced everywhere, and
// returns the new folder. What is not part of the source is left out: the
// history, the data, and what .gitignore names.
func (a App) Write(checkout Checkout) (folder string, err error) {
	if a.Module == "" {
		a.Module = a.Name
	}
	if a.Title == "" && viewName.MatchString(a.Name) {
		for _, word := range strings.Split(a.Name, "-") {
			a.Title = strings.TrimSpace(a.Title + " " + capital(word))
		}
	}
	if a.Folder == "" {
		a.Folder = filepath.Join(string(checkout), "..", a.Name)
	}
	switch {
	case !viewName.MatchString(a.Name):
		return "", fmt.Errorf("%q is no name for an app: use lower-case letters, digits and dashes", a.Name)
	case module.CheckImportPath(a.Module) != nil:
		return "", fmt.Errorf("%q is no name for a Go module, such as example.org/team/%s", a.Module, a.Name)
	case inStandardLibrary(a.Module):
		return "", fmt.Errorf("%q is a package of Go's standard library; choose another name, or another module with --module", a.Module)
	case !appTitle.MatchString(a.Title):
		return "", fmt.Errorf("%q is no title: use letters, digits, spaces and dashes", a.Title)
	}
	entries, err := os.ReadDir(a.Folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if len(entries) > 0 {
		return "", fmt.Errorf("%s is there already and not empty; nothing was written", a.Folder)
	}
	from, err := checkout.module()
	if err != nil {
		return "", err
	}
	if renamed, err := checkout.renamed(); err != nil {
		return "", err
	} else if renamed {
		return "", errors.New("this checkout is such a copy; make another one from where it came from")
	}
	rename := a.renamer(from)
	return a.Folder, checkout.Copy(a.Folder, func(file string, content []byte) ([]byte, error) {
		if !utf8.Valid(content) { // a picture
			return content, nil
		}
		return formattedFile(file, rename(file, content))
	})
}

// inStandardLibrary reports whether Go has a package or a folder of packages of this name.
func inStandardLibrary(path string) bool {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return false // it shows when the copy is built
	}
	_, err = os.Stat(filepath.Join(strings.TrimSpace(string(root)), "src", path))
	return err == nil
}

// Copy copies the files that belong to the source of the checkout to a folder,
// each as change returns it; change may be nil.
func (c Checkout) Copy(folder string, change func(file string, content []byte) ([]byte, error)) error {
	files, err := c.source()
	if err != nil {
		return err
	}
	for _, file := range files {
		info, err := os.Stat(c.path(file))
		if err != nil {
			return err
		}
		content, err := c.read(file)
		if err != nil {
			return err
		}
		if change != nil {
			if content, err = change(file, content); err != nil {
				return err
			}
		}
		target := Checkout(folder).path(file)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(target, content, info.Mode().Perm()); err != nil {
			return err
		}
	}
	return nil
}

// renamed tells whether a checkout has a name of its own, so that there is none
// to be replaced.
func (c Checkout) renamed() (bool, error) {
	content, err := c.read("main.go")
	return !bytes.Contains(content, []byte(ownName)), err
}

// renamer returns what puts the new names in the place of the old ones.
func (a App) renamer(from string) func(file string, content []byte) []byte {
	directive := regexp.MustCompile(`(?m)^module .*$`)
	capitals := strings.ToUpper(strings.ReplaceAll(a.Name, "-", "_"))
	names := strings.NewReplacer(`"`+from+`/`, `"`+a.Module+`/`, ownName, a.Name, ownTitle, a.Title, strings.ToUpper(ownName), capitals)
	return func(file string, content []byte) []byte {
		switch {
		case file == "go.mod":
			return directive.ReplaceAll(content, []byte("module "+a.Module))
		case file == "go.sum", strings.HasPrefix(file, "handlers/scaffold/"): // which knows the names it replaces
			return bytes.ReplaceAll(content, []byte(`"`+from+`/`), []byte(`"`+a.Module+`/`))
		}
		return []byte(names.Replace(string(content)))
	}
}

// source lists the files of the checkout that belong to its source.
func (c Checkout) source() ([]string, error) {
	ignored, err := c.ignored()
	if err != nil {
		return nil, err
	}
	var files []string
	err = fs.WalkDir(os.DirFS(string(c)), ".", func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case file == ".git", entry.IsDir() && strings.HasPrefix(entry.Name(), "_"), ignored(file):
			if entry.IsDir() {
				return fs.SkipDir
			}
		case path.Dir(file) == "data" && !strings.HasPrefix(entry.Name(), "."):
			if entry.IsDir() {
				return fs.SkipDir
			}
		case entry.Type().IsRegular():
			files = append(files, file)
		}
		return nil
	})
	return files, err
}

// ignored tells of a file whether a line of .gitignore names it. It knows the
// kinds of line that this project has: names, and patterns of names.
func (c Checkout) ignored() (func(file string) bool, error) {
	content, err := c.read(".gitignore")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	lines := strings.Fields(string(content))
	return func(file string) bool {
		for _, line := range lines {
			pattern, atRoot := strings.CutPrefix(strings.TrimSuffix(line, "/"), "/")
			name := file
			if !atRoot {
				name = path.Base(file)
			}
			if found, err := path.Match(pattern, name); err == nil && found {
				return true
			}
		}
		return false
	}, nil
}
