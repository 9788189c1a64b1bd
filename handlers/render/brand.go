package render

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"daypass/models"
)

// Brand is what the site calls itself on its pages.
type Brand struct {
	Title string
	Icon  *Icon // nil: that of public
}

// Icon is the picture of the site, in the browser's tab and beside its title.
type Icon struct {
	extension string
	Content   []byte
}

// MediaType is that of the content.
func (i *Icon) MediaType() string { return mediaTypes[i.extension] }

// CheckTitle returns what is wrong with a title.
func CheckTitle(title string) error {
	if length := utf8.RuneCountInString(title); strings.TrimSpace(title) == "" || length > models.MaxTitle || !utf8.ValidString(title) || strings.ContainsFunc(title, unicode.IsControl) {
		return fmt.Errorf("%q is no title: use 1 to %d characters that can be typed in one line", title, models.MaxTitle)
	}
	return nil
}

// ReadIcon reads an icon, an SVG or a PNG file. Its content decides which.
func ReadIcon(name string) (*Icon, error) {
	if info, err := os.Stat(name); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() { // reading a pipe would wait for ever
		return nil, fmt.Errorf("%s is no file", name)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, models.MaxIcon+1))
	if err != nil {
		return nil, err
	}
	if len(content) > models.MaxIcon {
		return nil, fmt.Errorf("%s has more than %d KiB", name, models.MaxIcon>>10)
	}
	if size, err := png.DecodeConfig(bytes.NewReader(content)); err == nil {
		if max(size.Width, size.Height) > models.MaxIconSide {
			return nil, fmt.Errorf("%s has %d × %d pixels; %d are enough", name, size.Width, size.Height, models.MaxIconSide)
		}
		return &Icon{".png", content}, nil
	}
	if err := checkSVG(content); err != nil {
		return nil, fmt.Errorf("%s is neither a PNG nor an SVG file: %w", name, err)
	}
	return &Icon{".svg", content}, nil
}

// checkSVG returns why a browser would not show content as SVG.
func checkSVG(content []byte) error {
	decoder := xml.NewDecoder(bytes.NewReader(content))
	root := ""
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) && root != "" {
			return nil
		}
		if err != nil {
			return err
		}
		if element, ok := token.(xml.StartElement); ok && root == "" {
			if root = element.Name.Local; root != "svg" || element.Name.Space != "http://www.w3.org/2000/svg" {
				return fmt.Errorf("its root is <%s> and not <svg xmlns=\"http://www.w3.org/2000/svg\">", root)
			}
		}
	}
}
