package sitetest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"testing"
	"time"
)

// Driven is a window of a real browser other than Chromium, driven by the W3C's
// protocols. It does what a person does: it opens, clicks, types and goes back.
type Driven struct {
	t       *testing.T
	browser driver
}

// driver is a protocol that drives a browser. Both have the same actions.
type driver interface {
	open(address string) error
	evaluate(expression string) (json.RawMessage, error) // of a value that JSON can write
	act(actions []any) error
	back() error
}

// patience is how long a browser has for what comes at once on a machine that does nothing else.
const patience = time.Minute

// Open goes to an address.
func (d *Driven) Open(address string) {
	d.t.Helper()
	Must(d.t, d.browser.open(address))
}

// Back goes back in the history.
func (d *Driven) Back() {
	d.t.Helper()
	Must(d.t, d.browser.back())
}

// Click clicks on what a selector names, as soon as it is there.
func (d *Driven) Click(selector string) {
	d.t.Helper()
	d.WaitFor(fmt.Sprintf("document.readyState == 'complete' && document.querySelector(%q)?.getClientRects().length > 0", selector))
	var place struct{ X, Y int }
	found, err := d.browser.evaluate(fmt.Sprintf(`(() => {
		const element = document.querySelector(%q);
		element.scrollIntoView({block: "center", behavior: "instant"});
		const box = element.getBoundingClientRect();
		return {x: Math.round(box.x + box.width / 2), y: Math.round(box.y + box.height / 2)};
	})()`, selector))
	Must(d.t, err)
	Must(d.t, json.Unmarshal(found, &place))
	Must(d.t, d.browser.act([]any{map[string]any{"type": "pointer", "id": "mouse", "parameters": map[string]any{"pointerType": "mouse"}, "actions": []any{
		map[string]any{"type": "pointerMove", "x": place.X, "y": place.Y, "origin": "viewport"},
		map[string]any{"type": "pointerDown", "button": 0},
		map[string]any{"type": "pointerUp", "button": 0},
	}}}))
}

// Press types on the keyboard, into whatever has the focus. A line break is Enter.
func (d *Driven) Press(keys string) {
	d.t.Helper()
	var actions []any
	for _, key := range keys {
		value := string(key)
		switch key {
		case '\n':
			value = "\uE007" // Enter, in the code of the protocol
		case '\t':
			value = "\uE004"
		}
		actions = append(actions, map[string]any{"type": "keyDown", "value": value}, map[string]any{"type": "keyUp", "value": value})
	}
	Must(d.t, d.browser.act([]any{map[string]any{"type": "key", "id": "keyboard", "actions": actions}}))
}

// WaitFor waits until an expression holds, while one page may give way to another.
func (d *Driven) WaitFor(expression string) {
	d.t.Helper()
	for began := time.Now(); time.Since(began) < patience; time.Sleep(20 * time.Millisecond) {
		if holds, err := d.browser.evaluate("!!(" + expression + ")"); err == nil && string(holds) == "true" {
			return
		}
	}
	shown, err := d.browser.evaluate("location.href + ' ' + document.body.innerText")
	d.t.Fatalf("it never comes that %s; the window shows %s %v", expression, shown, err)
}

// Shows waits until the window shows an address, in full.
func (d *Driven) Shows(address string) {
	d.t.Helper()
	d.WaitFor(fmt.Sprintf("location.href == %q && document.readyState == 'complete' && !document.documentElement.hidden", address))
}

// Says waits until the page says a text.
func (d *Driven) Says(text string) {
	d.t.Helper()
	d.WaitFor(fmt.Sprintf("document.readyState == 'complete' && document.body.innerText.includes(%q)", text))
}

// Evaluate returns the text that an expression in the page gives.
func (d *Driven) Evaluate(expression string) (text string) {
	d.t.Helper()
	value, err := d.browser.evaluate(expression)
	Must(d.t, err)
	Must(d.t, json.Unmarshal(value, &text))
	return text
}

// missing skips the test, or fails it in CI, when a program that it needs is not installed.
func missing(t *testing.T, packages string, programs ...string) {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			says := fmt.Sprintf("this test needs %s, such as with: apt-get install %s", program, packages)
			if os.Getenv("CI") == "true" {
				t.Fatal(says)
			}
			t.Skip(says)
		}
	}
}

// startUntil starts a program, ends it with the test, and waits until it writes
// what a pattern's group matches.
func startUntil(t *testing.T, program *exec.Cmd, written io.Reader, pattern string) string {
	t.Helper()
	Must(t, program.Start())
	t.Cleanup(func() {
		program.Process.Kill()
		program.Wait()
	})
	found := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(written)
		for lines.Scan() {
			if match := regexp.MustCompile(pattern).FindStringSubmatch(lines.Text()); match != nil {
				found <- match[1]
				break
			}
		}
		io.Copy(io.Discard, written) // so that it can go on writing
	}()
	select {
	case match := <-found:
		return match
	case <-time.After(patience):
		t.Fatalf("%s does not start", program.Path)
		return ""
	}
}
