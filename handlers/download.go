package handlers

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/gofiber/fiber/v2"

	"daypass/handlers/web"
)

// sendFile streams a download while write produces it, so that large files take no
// more memory than small ones. When write fails before the first bytes, the answer
// is its error page. When it fails later, the connection is closed, and the browser
// reports a failed download.
func (a *App) sendFile(c *fiber.Ctx, name, mime string, write func(io.Writer) error) error {
	if c.Method() != fiber.MethodHead {
		reading, writing := io.Pipe()
		go func() { writing.CloseWithError(writeBuffered(writing, write)) }()
		file := &download{
			Reader: bufio.NewReaderSize(reading, downloadBuffer), Closer: reading, to: c.Context().Conn(),
			log: a.Log.With("route", c.Route().Path, "request", web.RequestID(c)),
		}
		if _, err := file.Peek(1); err != nil {
			return err
		}
		c.Context().SetBodyStream(file, -1)
	}
	c.Attachment(name)
	c.Set(fiber.HeaderContentType, mime)
	return nil
}

// downloadBuffer is how many bytes are sent at a time.
const downloadBuffer = 32 << 10

// writeBuffered recovers from panics: it runs in a goroutine of its own, where a
// panic would end the process.
func writeBuffered(to io.Writer, write func(io.Writer) error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = panicError{cause, stack()}
		}
	}()
	buffered := bufio.NewWriterSize(to, downloadBuffer)
	if err := write(buffered); err != nil {
		return err
	}
	return buffered.Flush()
}

// download is a response body that is still being written.
type download struct {
	*bufio.Reader
	io.Closer // stops the writer when the browser is gone
	to        net.Conn
	log       *slog.Logger
}

// Read returns the next part, and extends the write deadline.
func (d *download) Read(part []byte) (int, error) {
	n, err := d.Reader.Read(part)
	if err != nil && err != io.EOF {
		d.log.Error("download failed", "error", err)
	}
	d.to.SetWriteDeadline(time.Now().Add(web.WriteTimeout))
	return n, err
}
