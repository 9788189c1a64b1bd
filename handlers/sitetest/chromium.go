package sitetest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

var errNoBrowser = errors.New("this test needs a browser; install Chromium, such as with: apt-get install chromium")

// stopBrowser ends the browser, if there is one. [Main] calls it.
var stopBrowser = func() {}

// browser starts the one browser of all tests: to start one costs seconds.
var browser = sync.OnceValues(func() (context.Context, error) {
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil && path == "" {
			path = found
		}
	}
	if path == "" {
		return nil, errNoBrowser
	}
	folder, err := os.MkdirTemp("", "chromium")
	if err != nil {
		return nil, err
	}
	options := []chromedp.ExecAllocatorOption{chromedp.ExecPath(path), chromedp.UserDataDir(folder), chromedp.Env("HOME=" + folder)}
	for _, flag := range []string{
		"headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run",
		"disable-background-networking", "disable-component-update", "disable-sync", "hide-scrollbars",
		"disable-background-timer-throttling", "disable-renderer-backgrounding", "disable-backgrounding-occluded-windows", // each test has a window of its own
	} {
		options = append(options, chromedp.Flag(flag, true))
	}
	options = append(options, chromedp.Flag("host-resolver-rules", "MAP intranet.test 127.0.0.1"))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, _ := chromedp.NewContext(allocator)
	stopBrowser = func() {
		chromedp.Cancel(ctx)
		stop()
		os.RemoveAll(folder)
	}
	return ctx, chromedp.Do(ctx)
})

// Window is a window of a real browser.
type Window struct {
	t   *testing.T
	Ctx context.Context // chromedp's, of this tab
}

// Chromium opens a window of a real browser that shares nothing with others, as one in
// private. With -short and without Chromium the test is skipped; without Chromium it fails
// in CI. Whatever the browser complains about fails the test: scripts, the policy, requests.
func Chromium(t *testing.T, width, height int64, dark bool) *Window {
	t.Helper()
	if testing.Short() {
		t.Skip("opens a browser")
	}
	browser, err := browser()
	if errors.Is(err, errNoBrowser) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	Must(t, err)
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext(), chromedp.WithNewWindow(true))
	t.Cleanup(cancel)
	Must(t, chromedp.Do(ctx)) // opens it; a limit on this call would be one on all
	ctx, cancel = context.WithTimeout(ctx, 10*time.Minute)
	t.Cleanup(cancel)

	w := &Window{t, ctx}
	w.complains()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	Call(w, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	Call(w, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}, // a click that comes during a transition is lost
	}})
	Must(t, chromedp.Do(ctx, chromedp.EmulateViewport(width, height)))
	return w
}

// Tab opens another tab in the same browser, before the others, or another
// window. Unlike the first one, it knows when it is not seen.
func (w *Window) Tab(newWindow bool) *Window {
	w.t.Helper()
	ctx, cancel := chromedp.NewContext(w.Ctx, chromedp.WithNewWindow(newWindow))
	w.t.Cleanup(cancel)
	tab := &Window{w.t, ctx}
	Must(w.t, chromedp.Do(ctx))
	tab.complains()
	Call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-reduced-motion", Value: "reduce"}, // a page that is not seen gives up its transition, and says so
	}})
	return tab
}

// complains fails the test when the browser complains about the page.
func (w *Window) complains() {
	t := w.t
	t.Helper()
	Must(t, chromedp.Listen(w.Ctx, func(event any) {
		switch event := event.(type) {
		case *log.EventEntryAdded:
			refused := strings.Contains(event.Entry.Text, "the server responded with a status of ")                       // as a form may be
			early := strings.Contains(event.Entry.Text, "Password forms should have (optionally hidden) username fields") // it looked before the page was whole; TestPasswordFormsNameTheirUser asks for the field
			if event.Entry.Level != log.EntryLevelInfo && !refused && !early {
				t.Errorf("the browser complains: %s %s", event.Entry.Text, event.Entry.URL)
			}
		case *runtime.EventExceptionThrown:
			t.Errorf("the script fails: %v", event.ExceptionDetails)
		case *runtime.EventConsoleAPICalled:
			t.Errorf("the script writes to the console: %s", event.Type)
		case *network.EventLoadingFailed:
			if !event.Canceled { // the page itself closes a stream
				t.Errorf("a request failed: %s", event.ErrorText)
			}
		}
	}))
	Call(w, log.Enable, cdp.Empty{})
	Call(w, network.Enable, network.EnableParams{})
}

// Call gives the browser a command of its protocol.
func Call[P, R any](w *Window, command cdp.Command[P, R], params P) {
	w.t.Helper()
	_, err := chromedp.Call(w.Ctx, command, params)
	Must(w.t, err)
}

// Evaluate returns what an expression in the page says.
func Evaluate[T any](w *Window, expression string) T {
	w.t.Helper()
	value, err := chromedp.Run(w.Ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	Must(w.t, err)
	return value
}

// Open goes to an address.
func (w *Window) Open(address string) {
	w.t.Helper()
	Must(w.t, chromedp.Do(w.Ctx, chromedp.Navigate(address)))
}

// settled waits until the cursor is where the page wants it, which is a little
// after the page is there.
func (w *Window) settled() {
	w.t.Helper()
	for range 250 {
		if Evaluate[bool](w, "!document.querySelector('[autofocus]') || document.activeElement != document.body") {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	w.t.Error("the cursor is nowhere")
}

// Press types on the keyboard, into whatever has the focus.
func (w *Window) Press(keys string) {
	w.t.Helper()
	w.settled()
	Must(w.t, chromedp.Do(w.Ctx, chromedp.KeyEvent(keys)))
}

// Enter presses Enter and waits for the page that comes of it.
func (w *Window) Enter() {
	w.t.Helper()
	_, err := chromedp.RunResponse(w.Ctx, chromedp.KeyEvent(kb.Enter))
	Must(w.t, err)
}

// SendsAnything lets forms be sent that the browser itself would refuse, to see what
// the server says about them.
func (w *Window) SendsAnything() {
	w.t.Helper()
	Evaluate[any](w, "document.querySelectorAll('form').forEach(form => { form.noValidate = true })")
}

// SignIn opens the sign-in page of a site and signs in as ada, who is there by [Start].
func (w *Window) SignIn(site string) {
	w.t.Helper()
	w.Open(site + "/login")
	w.Press("ada\t" + Password)
	w.Enter()
}

// SignOut opens the menu of the account, clicks the button in it, and waits for the
// page that comes of it.
func (w *Window) SignOut() {
	w.t.Helper()
	if !Evaluate[bool](w, "document.querySelector('details.account').open") {
		w.Click("details.account summary", false)
	}
	_, err := chromedp.RunResponse(w.Ctx, chromedp.Click(`form[action="/logout"] button`))
	Must(w.t, err)
}

// Back goes back in the history and waits until another page is there. While
// one page gives way to another there is nobody to ask, so it asks again.
func (w *Window) Back() {
	w.t.Helper()
	from := Evaluate[string](w, "location.href")
	chromedp.Run(w.Ctx, chromedp.Evaluate[any]("history.back()"))
	w.WaitFor(fmt.Sprintf("location.href != %q && document.readyState == 'complete' && !document.documentElement.hidden", from))
}

// Shows says which address the window shows, and what has the focus.
func (w *Window) Shows(address, focus string) {
	w.t.Helper()
	if shown := Evaluate[string](w, "location.href"); shown != address {
		w.t.Fatalf("the window shows %s, not %s", shown, address)
	}
	w.settled()
	if focused := Evaluate[string](w, "document.activeElement.id"); focused != focus {
		w.t.Errorf("at %s the cursor is in %q, not in %q", address, focused, focus)
	}
}

// KeepsPictures tells whether somebody will look at the pictures: go test -artifacts.
func KeepsPictures() bool { return flag.Lookup("test.artifacts").Value.String() == "true" }

// Look takes a picture of the page that the window shows, opens everything that can
// be opened, and checks the page: axe-core finds nothing to
// complain of, and nothing is wider than the window. The picture is kept with
// the test's artifacts (go test -artifacts).
func (w *Window) Look(name string) {
	w.t.Helper()
	if KeepsPictures() {
		picture, err := chromedp.Run(w.Ctx, chromedp.FullScreenshot(100))
		Must(w.t, err)
		Must(w.t, os.WriteFile(filepath.Join(w.t.ArtifactDir(), strings.ReplaceAll(name, " ", "-")+".png"), picture, 0o600))
	}
	axe, err := os.ReadFile(filepath.Join(Root(w.t), "handlers/testdata/axe.min.js"))
	Must(w.t, err)
	w.OpenAll()
	complaints := Evaluate[string](w, string(axe)+`;
		axe.run({resultTypes: ["violations"]}).then(found => found.violations.map(v => v.id + ": " + v.nodes.map(n => n.html + " " + n.failureSummary).join("\n")).join("\n"))`)
	if complaints != "" {
		w.t.Errorf("%s: axe-core finds %s", name, complaints)
	}
	if Evaluate[bool](w, "document.documentElement.scrollWidth > innerWidth") {
		w.t.Errorf("%s is wider than the window", name)
	}
	if Evaluate[bool](w, `[...document.querySelectorAll("nav")].some(nav => nav.scrollWidth > nav.clientWidth)`) {
		w.t.Errorf("%s: a menu is cut off", name)
	}
}

// OpenAll opens everything that can be opened, also that of which one is open at a time.
func (w *Window) OpenAll() {
	w.t.Helper()
	Evaluate[any](w, `document.querySelectorAll("details").forEach(details => { details.name = ""; details.open = true })`)
}

// Click clicks on what a selector names, and waits for the page that comes of it, if one does.
func (w *Window) Click(selector string, leads bool) {
	w.t.Helper()
	if leads {
		for range 5 { // a click that comes while a page gives way to another is lost
			ctx, cancel := context.WithTimeout(w.Ctx, 20*time.Second)
			_, err := chromedp.RunResponse(ctx, chromedp.Click(selector))
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) {
				Must(w.t, err)
				return
			}
		}
		w.t.Fatalf("a click on %s leads nowhere", selector)
	}
	Must(w.t, chromedp.Do(w.Ctx, chromedp.Click(selector)))
}

// Into puts the cursor into a field, clears it and types.
func (w *Window) Into(selector, text string) {
	w.t.Helper()
	Must(w.t, chromedp.Do(w.Ctx, chromedp.Clear(selector), chromedp.Focus(selector), chromedp.KeyEvent(text)))
}

// WaitFor waits until an expression holds, while one page may give way to another.
func (w *Window) WaitFor(expression string) {
	w.t.Helper()
	if !w.comes(expression, 2*time.Minute) {
		w.t.Fatalf("it never comes that %s", expression)
	}
}

// comes asks whether an expression holds, until it does or the limit has passed.
func (w *Window) comes(expression string, limit time.Duration) bool {
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if holds, err := chromedp.Run(w.Ctx, chromedp.Evaluate[bool](expression)); err == nil && holds {
			return true
		}
		if w.Ctx.Err() != nil || time.Since(began) > limit {
			return false
		}
	}
}
