package scaffold

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// The icons that pages show, and all of Lucide's. The latter are in no binary:
// browsers get what pages show alone.
const (
	sprite    = "public/icons.svg"
	vendored  = "public/lucide.tsv.gz"
	symbolTag = `<symbol id="`
)

// drawing is an icon of Lucide's.
type drawing struct {
	name, words, shapes string // words are what it is found by
}

// drawings reads the vendored icons, sorted by name.
func (c Checkout) drawings() ([]drawing, error) {
	packed, err := c.read(vendored)
	if err != nil {
		return nil, err
	}
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", vendored, err)
	}
	content, err := io.ReadAll(reader)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", vendored, err)
	}
	var all []drawing
	for line := range strings.Lines(string(content)) {
		if parts := strings.Split(strings.TrimSuffix(line, "\n"), "\t"); len(parts) == 3 {
			all = append(all, drawing{parts[0], parts[1], parts[2]})
		}
	}
	return all, nil
}

// AddIcons adds icons of Lucide's to those that pages can show. Those that are there
// already are left alone.
func AddIcons(checkout Checkout, names ...string) (Files, error) {
	draft := newDraft(checkout)
	if err := draft.addIcons(names...); err != nil {
		return Files{}, err
	}
	return draft.write()
}

func (d *draft) addIcons(names ...string) error {
	content, err := d.checkout.read(sprite)
	if err != nil {
		return err
	}
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return bytes.Contains(content, []byte(symbolTag+name+`"`)) })
	if len(names) == 0 {
		return nil
	}
	all, err := d.checkout.drawings()
	if err != nil {
		return err
	}
	var symbols []string
	for _, name := range names {
		at := slices.IndexFunc(all, func(drawing drawing) bool { return drawing.name == name })
		if at < 0 {
			return fmt.Errorf("no icon of Lucide is called %q%s", name, similar(name, all))
		}
		symbols = append(symbols, symbolTag+name+`" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">`+all[at].shapes+"</symbol>\n")
	}
	return d.change(sprite, func(content []byte) ([]byte, error) {
		lines := strings.SplitAfter(string(content), "\n")
		for _, symbol := range symbols {
			place := slices.IndexFunc(lines, func(line string) bool {
				return strings.HasPrefix(line, symbolTag) && line > symbol || strings.HasPrefix(line, "</svg>")
			})
			if place < 0 {
				return nil, errors.New("there is no line </svg> to add an icon before")
			}
			lines = slices.Insert(lines, place, symbol)
		}
		return []byte(strings.Join(lines, "")), nil
	})
}

// mostSimilar is how many icons are proposed for a name that is none.
const mostSimilar = 20

// similar proposes icons that have a word in their name, and those that are found by it.
func similar(word string, all []drawing) string {
	var named, found []string
	for _, drawing := range all {
		switch {
		case slices.Contains(strings.Split(drawing.name, "-"), word):
			named = append(named, drawing.name)
		case slices.Contains(strings.Split(drawing.words, ", "), word):
			found = append(found, drawing.name)
		}
	}
	names := append(named, found...)
	switch {
	case len(names) == 0:
		return "; look for its name at https://lucide.dev/icons"
	case len(names) > mostSimilar:
		return "; for that word it has " + strings.Join(names[:mostSimilar], ", ") + " and others: see https://lucide.dev/icons"
	}
	return "; for that word it has " + strings.Join(names, ", ")
}
