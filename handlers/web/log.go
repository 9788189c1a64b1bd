package web

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// The bounds of the log, so that no client can fill the disk with it.
const (
	maxLogValue  = 256         // bytes of a value
	maxLogStack  = 8 << 10     // bytes of the stack of a panic
	logWindow    = time.Minute // in which
	maxSameLines = 10          // so many lines that say the same are written, and further ones are counted
	maxLogKinds  = 1000        // different lines that are counted apart
)

// LogHandler is a slog.Handler that bounds what another one writes: long values
// are cut, and lines that repeat are counted.
type LogHandler struct {
	next  slog.Handler
	lines *logLines // shared with the handlers that With makes
}

// NewLogHandler returns one that writes to next. Whoever ends the program calls Flush.
func NewLogHandler(next slog.Handler) *LogHandler {
	return &LogHandler{next, &logLines{next: next, counted: make(map[string]*logLine)}}
}

// logLines counts the lines of a window.
type logLines struct {
	sync.Mutex
	next    slog.Handler
	counted map[string]*logLine
	timer   *time.Timer // ends the window
}

// logLine is a line that was written already.
type logLine struct {
	count int
	first slog.Record // without what tells its repetitions apart
}

// sameLine are the attributes that distinguish lines with the same message.
// Clients choose the others at will.
var sameLine = map[string]bool{"user": true, "author": true, "method": true, "route": true, "error": true}

// Enabled tells whether lines of a level are written.
func (h *LogHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// WithAttrs returns a handler whose lines have further attributes.
func (h *LogHandler) WithAttrs(attributes []slog.Attr) slog.Handler {
	bounded := make([]slog.Attr, len(attributes))
	for i, attribute := range attributes {
		bounded[i] = boundedAttr(attribute)
	}
	return &LogHandler{h.next.WithAttrs(bounded), h.lines}
}

// WithGroup returns a handler whose attributes are in a group.
func (h *LogHandler) WithGroup(name string) slog.Handler {
	return &LogHandler{h.next.WithGroup(name), h.lines}
}

// Handle writes a line, unless it was written often enough in this window.
func (h *LogHandler) Handle(ctx context.Context, record slog.Record) error {
	line := slog.NewRecord(record.Time, record.Level, record.Message, record.PC)
	same := slog.NewRecord(record.Time, record.Level, record.Message, record.PC)
	key := record.Level.String() + "\x00" + record.Message
	record.Attrs(func(attribute slog.Attr) bool {
		attribute = boundedAttr(attribute)
		line.AddAttrs(attribute)
		if sameLine[attribute.Key] {
			same.AddAttrs(attribute)
			key += "\x00" + attribute.Key + "\x00" + attribute.Value.String()
		}
		return true
	})
	if !h.lines.add(key, same) {
		return nil
	}
	return h.next.Handle(ctx, line)
}

// add counts a line, and tells whether to write it.
func (l *logLines) add(key string, same slog.Record) bool {
	l.Lock()
	defer l.Unlock()
	counted := l.counted[key]
	if counted == nil && len(l.counted) >= maxLogKinds {
		key = same.Message
		same = slog.NewRecord(same.Time, same.Level, same.Message, same.PC)
		counted = l.counted[key]
	}
	if counted == nil {
		counted = &logLine{first: same}
		l.counted[key] = counted
	}
	if l.timer == nil {
		l.timer = time.AfterFunc(logWindow, l.flush)
	}
	counted.count++
	return counted.count <= maxSameLines
}

// Flush writes how many lines were not written so far, and begins a new window.
func (h *LogHandler) Flush() { h.lines.flush() }

func (l *logLines) flush() {
	l.Lock()
	counted := l.counted
	l.counted = make(map[string]*logLine)
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
	l.Unlock()
	for _, line := range counted {
		if more := line.count - maxSameLines; more > 0 {
			line.first.Time = time.Now()
			line.first.AddAttrs(slog.Int("more", more), slog.String("within", "the last minute"))
			l.next.Handle(context.Background(), line.first)
		}
	}
}

// boundedAttr cuts what is too long.
func boundedAttr(attribute slog.Attr) slog.Attr {
	attribute.Value = attribute.Value.Resolve()
	switch attribute.Value.Kind() {
	case slog.KindString, slog.KindAny:
		most := maxLogValue
		if attribute.Key == "stack" {
			most = maxLogStack
		}
		if text := attribute.Value.String(); len(text) > most {
			attribute.Value = slog.StringValue(strings.ToValidUTF8(text[:most], "") + "…")
		}
	case slog.KindGroup:
		group := attribute.Value.Group()
		bounded := make([]slog.Attr, len(group))
		for i, member := range group {
			bounded[i] = boundedAttr(member)
		}
		attribute.Value = slog.GroupValue(bounded...)
	}
	return attribute
}
