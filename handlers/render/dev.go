package render

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
	"regexp"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// What is here serves developers alone: it does nothing unless the renderer is set.

// CheckDev returns a sentence for whoever started the program when folder is
// not the root of a checkout, whose templates and assets the renderer needs.
func CheckDev(folder string) error {
	for _, file := range []string{"views/layouts/begin.html", "public/app.css"} {
		if _, err := os.Stat(filepath.Join(folder, filepath.FromSlash(file))); err != nil {
			return fmt.Errorf("templates and assets are read from a checkout, and there is no %s here; go to its root", file)
		}
	}
	return nil
}

// placeInCode finds the first complaint in what the compiler says.
var placeInCode = regexp.MustCompile(`(?m)^(?:\./)?([\w./-]+\.go):(\d+)(?::\d+)?: (.*)$`)

// buildError returns what could not be built of the checkout, or nil.
func (r *Renderer) buildError() *Error {
	content, err := os.ReadFile(r.problem)
	said := strings.TrimSpace(string(content))
	if err != nil || said == "" {
		return nil
	}
	wrong := &Error{Title: "The program can't be built or started", What: said, err: errors.New(said)}
	if at := placeInCode.FindStringSubmatch(said); at != nil {
		wrong.File, wrong.What = at[1], at[3]
		wrong.Line, _ = strconv.Atoi(at[2])
		if more := len(placeInCode.FindAllString(said, -1)) - 1; more > 0 {
			wrong.More = said
		}
	}
	return wrong
}

// devState is a text that changes when a template or an asset does, or the
// process, or what could not be built. A page holds that of its making; while it is open it asks for the
// present one, and reloads when that is another.
func (r *Renderer) devState() (string, error) {
	hash := sha256.New()
	fmt.Fprintln(hash, r.started)
	if wrong := r.buildError(); wrong != nil {
		fmt.Fprintln(hash, wrong.err)
	}
	for _, folder := range []string{"views", "public"} {
		err := fs.WalkDir(os.DirFS(r.dev), folder, func(name string, entry fs.DirEntry, err error) error {
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

func (r *Renderer) ShowState(c *fiber.Ctx) error {
	state, err := r.devState()
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextPlainCharsetUTF8)
	return c.SendString(state)
}

//go:embed dev.html
var devHTML string

var devPage = template.Must(template.New("dev").Parse(devHTML))

// sourceLine is a line of a file on the page of its error.
type sourceLine struct {
	Number int
	Text   string
	Wrong  bool
}

// around is how many lines are shown before and after the wrong one.
const around = 6

// ShowError answers with the place in a template or in Go code that is wrong, for whoever
// is writing it. It needs nothing of the templates on the disk.
func (r *Renderer) ShowError(c *fiber.Ctx, wrong *Error) error {
	page := struct {
		*Error
		Icon   string
		Styles []string
		Script string
		State  string
		Source []sourceLine
	}{Error: wrong, State: wrong.state, Icon: r.built.assets.urls["icon.svg"], Styles: []string{r.built.assets.urls["pico.min.css"], r.built.assets.urls["app.css"]}, Script: r.built.assets.urls["dev.js"]}
	if content, err := os.ReadFile(filepath.Join(r.dev, filepath.FromSlash(wrong.File))); err == nil {
		for i, text := range strings.Split(string(content), "\n") {
			if number := i + 1; number >= wrong.Line-around && number <= wrong.Line+around {
				page.Source = append(page.Source, sourceLine{number, text, number == wrong.Line})
			}
		}
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	return devPage.Execute(c.Response().BodyWriter(), page)
}

// ErrorIn returns the template error that an error is, under Dev.
func (r *Renderer) ErrorIn(err error) *Error {
	var wrong *Error
	if r.dev != "" && errors.As(err, &wrong) {
		return wrong
	}
	return nil
}
