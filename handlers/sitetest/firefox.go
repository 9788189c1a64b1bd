package sitetest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

// Firefox opens a window of Firefox ESR with a profile of its own. With -short and
// without Firefox the test is skipped; without Firefox it fails in CI.
func Firefox(t *testing.T) *Driven {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a browser")
	}
	missing(t, "firefox-esr", "firefox-esr")
	home := t.TempDir()
	program := exec.Command("firefox-esr", "--headless", "--no-remote", "--profile", home, "--remote-debugging-port", "0")
	program.Env = append(os.Environ(), "HOME="+home, "MOZ_CRASHREPORTER_DISABLE=1")
	written, err := program.StderrPipe()
	Must(t, err)
	address := startUntil(t, program, written, `WebDriver BiDi listening on (ws://\S+)`)
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	t.Cleanup(cancel)
	connection, _, err := websocket.Dial(ctx, address+"/session", nil)
	Must(t, err)
	t.Cleanup(func() { connection.CloseNow() })
	connection.SetReadLimit(-1)
	b := &bidi{ctx: ctx, connection: connection}
	_, err = b.command("session.new", map[string]any{"capabilities": map[string]any{}})
	Must(t, err)
	// All child processes end with the browser, and it leaves the profile's folder alone.
	t.Cleanup(func() {
		b.command("browser.close", map[string]any{})
		program.Wait()
	})
	tree, err := b.command("browsingContext.getTree", map[string]any{})
	Must(t, err)
	var open struct{ Contexts []struct{ Context string } }
	Must(t, json.Unmarshal(tree, &open))
	b.window = open.Contexts[0].Context
	return &Driven{t, b}
}

// bidi is WebDriver BiDi (www.w3.org/TR/webdriver-bidi).
type bidi struct {
	ctx        context.Context
	connection *websocket.Conn
	window     string
	last       int // ID of the last command
}

func (b *bidi) command(method string, params map[string]any) (json.RawMessage, error) {
	b.last++
	if err := wsjson.Write(b.ctx, b.connection, map[string]any{"id": b.last, "method": method, "params": params}); err != nil {
		return nil, err
	}
	for {
		var answer struct {
			ID             int
			Error, Message string
			Result         json.RawMessage
		}
		if err := wsjson.Read(b.ctx, b.connection, &answer); err != nil {
			return nil, err
		}
		if answer.ID != b.last {
			continue // an event
		}
		if answer.Error != "" {
			return nil, fmt.Errorf("%s: %s: %s", method, answer.Error, answer.Message)
		}
		return answer.Result, nil
	}
}

func (b *bidi) open(address string) error {
	_, err := b.command("browsingContext.navigate", map[string]any{"context": b.window, "url": address, "wait": "complete"})
	return err
}

func (b *bidi) back() error {
	_, err := b.command("browsingContext.traverseHistory", map[string]any{"context": b.window, "delta": -1})
	return err
}

func (b *bidi) act(actions []any) error {
	_, err := b.command("input.performActions", map[string]any{"context": b.window, "actions": actions})
	return err
}

func (b *bidi) evaluate(expression string) (json.RawMessage, error) {
	answer, err := b.command("script.evaluate", map[string]any{
		"expression": "JSON.stringify(" + expression + ")", "target": map[string]any{"context": b.window}, "awaitPromise": false,
	})
	if err != nil {
		return nil, err
	}
	var value struct{ Result struct{ Value string } }
	if err := json.Unmarshal(answer, &value); err != nil || value.Result.Value == "" {
		return nil, fmt.Errorf("%s gives %s: %w", expression, answer, err)
	}
	return json.RawMessage(value.Result.Value), nil
}
