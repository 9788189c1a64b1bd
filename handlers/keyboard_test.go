package handlers_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"daypass/handlers/sitetest"
)

// TestWithTheKeyboardAlone signs in, ends a session, changes a name and signs out
// without a mouse and without an address: only with Tab, Enter, Space and Escape. All
// that Tab leads to shows that it has the focus.
func TestWithTheKeyboardAlone(t *testing.T) {
	t.Parallel()
	for _, script := range []bool{true, false} {
		t.Run(fmt.Sprintf("script=%t", script), func(t *testing.T) {
			t.Parallel()
			site := sitetest.Start(t)
			elsewhere := site.SignIn("ada")
			w := sitetest.Chromium(t, 1280, 800, false)
			sitetest.Call(w, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !script})
			focused := func(selector string) bool {
				t.Helper()
				return sitetest.Evaluate[bool](w, fmt.Sprintf("document.activeElement.matches(%q)", selector))
			}
			move := func(selector string, options ...chromedp.KeyOption) {
				t.Helper()
				for range 40 {
					sitetest.Must(t, chromedp.Do(w.Ctx, chromedp.KeyEvent(kb.Tab, options...)))
					if unseen := sitetest.Evaluate[string](w, `(() => {
						const { outlineStyle, boxShadow } = getComputedStyle(document.activeElement);
						const box = document.activeElement.getBoundingClientRect();
						const seen = (outlineStyle !== "none" || boxShadow !== "none") && box.width && box.height && box.top >= 0 && box.bottom <= innerHeight;
						return seen ? "" : document.activeElement.outerHTML.slice(0, 200);
					})()`); unseen != "" {
						t.Errorf("on the way to %s the focus is not seen at %s", selector, unseen)
					}
					if focused(selector) {
						return
					}
				}
				t.Fatalf("Tab does not lead to %s", selector)
			}
			tab := func(selector string) { t.Helper(); move(selector) }
			shiftTab := func(selector string) { t.Helper(); move(selector, chromedp.KeyModifiers(chromedp.ModifierShift)) }
			// leads presses a key that leads to another page.
			leads := func(key, address, says string) {
				t.Helper()
				_, err := chromedp.RunResponse(w.Ctx, chromedp.KeyEvent(key))
				sitetest.Must(t, err)
				if shown := sitetest.Evaluate[string](w, "location.href"); shown != site.URL+address {
					t.Fatalf("the window shows %s, not %s", shown, address)
				}
				if shown := sitetest.Evaluate[string](w, "document.body.innerText"); !strings.Contains(shown, says) {
					t.Errorf("%s does not say %q:\n%s", address, says, shown)
				}
			}
			// opens presses a key that opens what has the focus. With the script, Escape
			// closes it again, and the focus is where it was.
			opens := func(key, inside string) {
				t.Helper()
				const open = "document.activeElement.parentElement.open"
				w.Press(key)
				w.WaitFor(open)
				if script {
					tab(inside)
					w.Press(kb.Escape)
					w.WaitFor(`document.activeElement.matches("summary") && !` + open)
					w.Press(key)
					w.WaitFor(open)
				}
				tab(inside)
			}

			w.Open(site.URL + "/login")
			w.Press("ada")
			tab("#password")
			w.Press(sitetest.Password)
			leads(kb.Enter, "/dashboard", "Hello")

			// The first stop leads past the menus.
			tab(".skip")
			w.Press(kb.Enter)
			w.WaitFor("location.hash == '#main'")
			tab("main *")
			shiftTab("details.account summary")
			opens(" ", "details.account a[href='/account']")
			shiftTab("nav[aria-label=Pages] a[href='/sessions']")
			leads(kb.Enter, "/sessions", "Your sessions")

			tab("li:not(:has(.tag)) summary")
			opens(kb.Enter, "li:not(:has(.tag)) .sure button")
			leads(" ", "/sessions", "The session was ended.")
			elsewhere.Get("/dashboard").LeadsToSignIn()

			// After a change the focus is on the message that says so.
			if !focused(".message") {
				t.Error("the focus is not on the message")
			}
			shiftTab("details.account summary")
			opens(kb.Enter, "details.account a[href='/account']")
			leads(kb.Enter, "/account", "Account")
			tab("#full_name")
			w.Press("Ada Lovelace")
			tab("form[action='/account/name'] button")
			leads(" ", "/account", "Your name was changed.")
			if name := site.User("ada").FullName; name != "Ada Lovelace" {
				t.Errorf("the name is %q", name)
			}

			shiftTab("details.account summary")
			opens(" ", "form[action='/logout'] button")
			leads(kb.Enter, "/login?left=1", "You're signed out.")
		})
	}
}
