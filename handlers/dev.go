package handlers

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// What is here serves developers alone: it does nothing unless Config.Dev is set.

// CheckDev returns a sentence for whoever started the program when folder is
// not the root of a checkout, whose templates and assets Config.Dev needs.
func CheckDev(folder string) error {
	for _, file := range []string{"views/layouts/begin.html", "public/app.css"} {
		if _, err := os.Stat(filepath.Join(folder, filepath.FromSlash(file))); err != nil {
			return fmt.Errorf("templates and assets are read from a checkout, and there is no %s here; go to its root", file)
		}
	}
	return nil
}

// devState is a text that changes when a template or an asset does, or the
// process. A page holds that of its making; while it is open it asks for the
// present one, and loads anew when that is another.
func (a *App) devState() (string, error) {
	hash := sha256.New()
	fmt.Fprintln(hash, a.started)
	for _, folder := range []string{"views", "public"} {
		err := fs.WalkDir(os.DirFS(a.Dev), folder, func(name string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := entry.Info()
			if err != nil {
				return err
			}
			fmt.Fprintln(hash, name, info.Size(), info.ModTime())
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

func (a *App) showDevState(c *fiber.Ctx) error {
	state, err := a.devState()
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextPlainCharsetUTF8)
	return c.SendString(state)
}

//go:embed dev.html
var devHTML string

var devPage = template.Must(template.New("dev").Parse(devHTML))

// sourceLine is a line of a template on the page of its error.
type sourceLine struct {
	Number int
	Text   string
	Wrong  bool
}

// around is how many lines are shown before and after the wrong one.
const around = 6

// showViewError answers with the place in a template that is wrong, for whoever
// is writing it. It needs nothing of the templates on the disk.
func (a *App) showViewError(c *fiber.Ctx, wrong *viewError) error {
	page := struct {
		*viewError
		Styles []string
		Script string
		State  string
		Source []sourceLine
	}{viewError: wrong, State: wrong.state, Styles: []string{a.built.assets.urls["pico.min.css"], a.built.assets.urls["app.css"]}, Script: a.built.assets.urls["dev.js"]}
	if content, err := os.ReadFile(filepath.Join(a.Dev, filepath.FromSlash(wrong.File))); err == nil {
		for i, text := range strings.Split(string(content), "\n") {
			if number := i + 1; number >= wrong.Line-around && number <= wrong.Line+around {
				page.Source = append(page.Source, sourceLine{number, text, number == wrong.Line})
			}
		}
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	return devPage.Execute(c.Response().BodyWriter(), page)
}

// viewErrorIn returns the template error that an error is, under Dev.
func (a *App) viewErrorIn(err error) *viewError {
	var wrong *viewError
	if a.Dev != "" && errors.As(err, &wrong) {
		return wrong
	}
	return nil
}
