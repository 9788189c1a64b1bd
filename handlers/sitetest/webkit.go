package sitetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// WebKit opens a window of WebKitGTK's browser, the nearest to Safari that Linux
// has. With -short and without it the test is skipped; without it it fails in CI.
func WebKit(t *testing.T) *Driven {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a browser")
	}
	const packages = "webkit2gtk-driver xvfb"
	browsers, err := filepath.Glob("/usr/lib/*/webkit2gtk-4.1/MiniBrowser")
	Must(t, err)
	if len(browsers) == 0 {
		browsers = []string{"MiniBrowser"}
	}
	missing(t, packages, "WebKitWebDriver", "Xvfb", browsers[0])

	// A screen of its own, whose number the server says.
	number, says, err := os.Pipe()
	Must(t, err)
	t.Cleanup(func() { number.Close() })
	screen := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "1280x1024x24", "-nolisten", "tcp")
	screen.ExtraFiles = []*os.File{says}
	display := startUntil(t, screen, number, `^(\d+)$`)
	says.Close()

	home, err := os.MkdirTemp("", "webkit")
	Must(t, err)
	t.Cleanup(func() { // processes of the browser write to it until they have ended, too
		Until(t, "nobody writes to the browser's home", func() bool { return os.RemoveAll(home) == nil })
	})
	address := FreeAddress(t)
	_, port, err := net.SplitHostPort(address)
	Must(t, err)
	program := exec.Command("WebKitWebDriver", "--host=127.0.0.1", "--port="+port)
	program.Env = append(os.Environ(), "DISPLAY=:"+display, "HOME="+home, "XDG_RUNTIME_DIR="+home, "XDG_CACHE_HOME="+home, "XDG_DATA_HOME="+home,
		"GDK_BACKEND=x11", "LIBGL_ALWAYS_SOFTWARE=1", "NO_AT_BRIDGE=1")
	Must(t, program.Start())
	t.Cleanup(func() {
		program.Process.Kill()
		program.Wait()
	})
	Until(t, "WebKitWebDriver listens", func() bool {
		connection, err := net.Dial("tcp", address)
		if err != nil {
			return false
		}
		return connection.Close() == nil
	})
	w := &webDriver{url: "http://" + address + "/session"}
	answer, err := w.command("", map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{
		"webkitgtk:browserOptions": map[string]any{"binary": browsers[0], "args": []string{"--automation"}},
	}}})
	Must(t, err)
	var session struct{ SessionID string }
	Must(t, json.Unmarshal(answer, &session))
	w.url += "/" + session.SessionID
	t.Cleanup(func() { // which ends the browser
		request, err := http.NewRequest("DELETE", w.url, nil)
		Must(t, err)
		if response, err := http.DefaultClient.Do(request); err == nil {
			response.Body.Close()
		}
	})
	return &Driven{t, w}
}

// webDriver is WebDriver (www.w3.org/TR/webdriver2).
type webDriver struct{ url string }

func (w *webDriver) command(path string, params map[string]any) (json.RawMessage, error) {
	body, err := json.Marshal(params)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Timeout: patience}
	response, err := client.Post(w.url+path, "application/json", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var answer struct{ Value json.RawMessage }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", path, answer.Value)
	}
	return answer.Value, nil
}

func (w *webDriver) open(address string) error {
	_, err := w.command("/url", map[string]any{"url": address})
	return err
}

func (w *webDriver) back() error {
	_, err := w.command("/back", map[string]any{})
	return err
}

func (w *webDriver) act(actions []any) error {
	_, err := w.command("/actions", map[string]any{"actions": actions})
	return err
}

func (w *webDriver) evaluate(expression string) (json.RawMessage, error) {
	return w.command("/execute/sync", map[string]any{"script": "return " + expression, "args": []any{}})
}
