package render

import (
	"fmt"
	"strings"

	"rsc.io/qr"
)

// QR is a QR code that a template draws as one path of an SVG, in units of its modules.
// So it is part of the page, and no further request has what it says.
type QR struct {
	Size int // of a side, with the quiet zone
	Path string
}

// quietZone is the empty margin around a QR code, in modules (ISO/IEC 18004, section 9.1).
const quietZone = 4

// NewQR returns the QR code of a text.
func NewQR(text string) (QR, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return QR{}, fmt.Errorf("draw a QR code: %w", err)
	}
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			from := x
			for code.Black(x, y) { // false beyond the edge
				x++
			}
			if width := x - from; width > 0 {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", from+quietZone, y+quietZone, width, width)
			}
		}
	}
	return QR{code.Size + 2*quietZone, path.String()}, nil
}
