package web

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// lockedBuffer may be written while it is read: by the timer of the log.
type lockedBuffer struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (b *lockedBuffer) Write(line []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.Write(line)
}

func (b *lockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.String()
}

func (b *lockedBuffer) Len() int { return len(b.String()) }

func (b *lockedBuffer) Reset() {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.text.Reset()
}

func TestTheLogIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var text lockedBuffer
		log := slog.New(NewLogHandler(slog.NewTextHandler(&text, nil)))
		for range 622 {
			log.Warn("request refused", "route", "/logout", "origin", strings.Repeat("é", 8000), "error", errors.New(strings.Repeat("x", 8000)))
		}
		log.Warn("request refused", "route", "/login")
		if lines := strings.Count(text.String(), "\n"); lines != 11 || text.Len() > 11*900 {
			t.Errorf("%d lines of %d bytes", lines, text.Len())
		}
		text.Reset()
		time.Sleep(time.Minute)
		synctest.Wait()
		if lines := text.String(); strings.Count(lines, "\n") != 1 || !strings.Contains(lines, `level=WARN msg="request refused" route=/logout`) || !strings.Contains(lines, `more=612 within="the last minute"`) {
			t.Errorf("after a minute: %s", lines)
		}
		text.Reset()
		log.With("origin", strings.Repeat("z", 8000)).Warn("request refused", "route", "/logout") // in a new minute
		if text.Len() == 0 || text.Len() > 600 {
			t.Errorf("%d bytes: %s", text.Len(), text.String())
		}

		// What is always another line is counted, too.
		text.Reset()
		for i := range 20_000 {
			log.Info("failed", "user", strings.Repeat("x", i%5000))
			log.Info("other", "request", i)
		}
		if lines := strings.Count(text.String(), "\n"); lines > 4000 {
			t.Errorf("%d lines of lines that differ", lines)
		}
	})
}
