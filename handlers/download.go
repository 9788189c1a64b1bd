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

// sendFile sends a file to be downloaded while write writes it, so that a large
// one takes no more memory than a small one. When write fails before its first
// bytes are sent, the answer is the page of its error. When it fails later, the
// connection is cut off, and the browser says that the download failed.
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

// downloadBuffer is how many bytes of a file are sent at a time.
const downloadBuffer = 32 << 10

// writeBuffered keeps a panic from ending the process: it runs beside the
// request, where nothing else catches one.
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

// download is the body of an answer that is still being written.
type download struct {
	*bufio.Reader
	io.Closer // stops who writes, when the browser has gone
	to        net.Conn
	log       *slog.Logger
}

// Read returns the next part, and gives the browser its time to take it.
func (d *download) Read(part []byte) (int, error) {
	n, err := d.Reader.Read(part)
	if err != nil && err != io.EOF {
		d.log.Error("download failed", "error", err)
	}
	d.to.SetWriteDeadline(time.Now().Add(web.WriteTimeout))
	return n, err
}
