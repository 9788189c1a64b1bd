package render

import (
	"fmt"
	"image"
	"image/color"
	"regexp"
	"strconv"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// TestAQRCodeSaysItsText: it is drawn from its path and read again.
func TestAQRCodeSaysItsText(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"x", "otpauth://totp/Daypass:ada?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Daypass", "otpauth://totp/D%C3%A4ypass:%E5%A7%8B?secret=GEZDGNBVGY3TQOJQ"} {
		code, err := NewQR(text)
		if err != nil {
			t.Fatal(err)
		}
		const scale = 4
		picture := image.NewGray(image.Rect(0, 0, code.Size*scale, code.Size*scale))
		for i := range picture.Pix {
			picture.Pix[i] = 255
		}
		runs := regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`).FindAllStringSubmatch(code.Path, -1)
		drawn := ""
		for _, run := range runs {
			drawn += run[0]
			x, _ := strconv.Atoi(run[1])
			y, _ := strconv.Atoi(run[2])
			width, _ := strconv.Atoi(run[3])
			for i := range width * scale {
				for j := range scale {
					picture.SetGray(x*scale+i, y*scale+j, color.Gray{})
				}
			}
		}
		if drawn != code.Path {
			t.Fatalf("the path has something else: %s", code.Path)
		}
		bitmap, err := gozxing.NewBinaryBitmapFromImage(picture)
		if err != nil {
			t.Fatal(err)
		}
		read, err := qrcode.NewQRCodeReader().Decode(bitmap, nil)
		if err != nil || fmt.Sprint(read) != text {
			t.Errorf("the code says %v, %v, not %s", read, err, text)
		}
	}
}
