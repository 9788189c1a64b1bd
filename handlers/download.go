package handlers

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"daypass/handlers/web"
)

// sendFile streams a download while write produces it, so that large files take no
// more memory than small ones. When write fails before the first bytes, the answer
// is its error page. When it fails later, the connection is closed, and the browser
// reports a failed download. It returns errDownloads when too many are under way.
func (a *App) sendFile(c *fiber.Ctx, name, mime string, write func(io.Writer) error) error {
	if c.Method() != fiber.MethodHead {
		done, ok := a.downloads.begin(sessionOf(c).User.ID)
		if !ok {
			return errDownloads
		}
		reading, writing := io.Pipe()
		go func() {
			defer done()
			writing.CloseWithError(writeBuffered(writing, write))
		}()
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

// How many files are written at a time for one user, and for all: each reads the
// database as fast as it can.
const (
	maxDownloads        = 10
	maxDownloadsPerUser = 2
)

var errDownloads = fiber.NewError(fiber.StatusTooManyRequests, "too many downloads")

// downloads counts the files that are being written, by user ID.
type downloads struct {
	sync.Mutex
	all    int
	ofUser map[string]int
}

// begin returns a function to call when the file is written, or false when there
// are too many.
func (d *downloads) begin(user string) (done func(), ok bool) {
	d.Lock()
	defer d.Unlock()
	if d.all >= maxDownloads || d.ofUser[user] >= maxDownloadsPerUser {
		return nil, false
	}
	if d.ofUser == nil {
		d.ofUser = make(map[string]int)
	}
	d.all++
	d.ofUser[user]++
	return func() {
		d.Lock()
		defer d.Unlock()
		d.all--
		if d.ofUser[user]--; d.ofUser[user] == 0 {
			delete(d.ofUser, user)
		}
	}, true
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
