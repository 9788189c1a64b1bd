package handlers_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"daypass/handlers/sitetest"
)

// joinedWords finds labels whose text is beside an element: where both are items of a
// flex box, the space between them is not drawn.
const joinedWords = `[...document.querySelectorAll("summary, button, a.button")].filter((label) =>
	getComputedStyle(label).display.includes("flex") && [...label.childNodes].some((node) =>
		node.nodeType == Node.TEXT_NODE && node.data.trim() != "" &&
		(/\s$/.test(node.data) && node.nextElementSibling || /^\s/.test(node.data) && node.previousElementSibling?.textContent))
).map((label) => label.outerHTML).join()`

// TestEveryPageFitsItsWindow opens all that can be opened on every page of the gallery.
// Nothing is wider than the window, and the page ends where its content ends, also with
// the distances between lines, words and letters of WCAG 2.2, 1.4.12.
func TestEveryPageFitsItsWindow(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it looks at every page in a real browser")
	}
	address, names := serveGallery(t)
	for part, names := range slices.Collect(slices.Chunk(names, (len(names)+1)/2)) { // each in less time than a window has
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			t.Parallel()
			w := sitetest.Chromium(t, 1280, 800, false)
			for _, name := range names {
				w.Open(address + url.PathEscape(name))
				w.OpenAll()
				if joined := sitetest.Evaluate[string](w, joinedWords); joined != "" {
					t.Errorf("%s: words are drawn without the space between them: %s", name, joined)
				}
				for _, spacing := range []bool{false, true} {
					if spacing {
						sitetest.Evaluate[any](w, `const sheet = new CSSStyleSheet();
							sheet.replaceSync("* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important } p { margin-bottom: 2em !important }");
							document.adoptedStyleSheets = [sheet]`)
					}
					for _, width := range []int64{320, 360, 390, 768, 1024, 1280} {
						sitetest.Must(t, chromedp.Do(w.Ctx, chromedp.EmulateViewport(width, 800)))
						wrong := sitetest.Evaluate[string](w, `(() => {
							const root = document.documentElement, seen = [...document.querySelectorAll("main, .account > div")];
							const end = Math.max(innerHeight, ...seen.map(e => e.getBoundingClientRect().bottom + scrollY));
							const wide = [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80));
							return (root.scrollWidth > innerWidth ? "it is " + root.scrollWidth + " px wide: " + wide.slice(0, 3).join() : "")
								+ (root.scrollHeight > end + 1 ? "it is " + root.scrollHeight + " px high, and ends at " + end : "");
						})()`)
						if wrong != "" {
							t.Errorf("%s, %d px wide, with spacing %t: %s", name, width, spacing, wrong)
						}
					}
				}
			}
		})
	}
}

// TestTheUsersOnAPhone: an ordinary name leaves room for the role, a long one makes no
// high row, and a shadow tells that there is more beyond the edge, also with less motion.
func TestTheUsersOnAPhone(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	w := sitetest.Chromium(t, 390, 800, false)
	w.SignIn(site.URL)
	site.Change(`UPDATE users SET full_name = 'Ada Lovelace' WHERE name = 'ada'`)
	w.Open(site.URL + "/admin/users?text=ada")
	if hidden := sitetest.Evaluate[float64](w, `document.querySelector("td .tag").getBoundingClientRect().right - document.querySelector(".scroll").getBoundingClientRect().right`); hidden > 0 {
		t.Errorf("the role is cut by %g px", hidden)
	}
	sitetest.Call(w, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}}})
	if shadow := sitetest.Evaluate[string](w, `getComputedStyle(document.querySelector(".scroll")).backgroundAttachment`); shadow != "local, scroll" {
		t.Errorf("with less motion, the backgrounds of the table are %s", shadow)
	}
	site.Change(`UPDATE users SET name = '` + strings.Repeat("long-username-", 4) + `64-chars', full_name = '` + strings.Repeat("Wolfeschlegelsteinhausenbergerdorff ", 5) + `' WHERE name = 'ada'`)
	w.Open(site.URL + "/admin/users")
	if height := sitetest.Evaluate[float64](w, `Math.max(...[...document.querySelectorAll("tbody tr")].map(row => row.offsetHeight))`); height > 200 {
		t.Errorf("the row of a long name is %g px high", height)
	}
}

// TestRedButtonsCanBeRead, by WCAG 2.2, 1.4.3, also under the mouse.
func TestRedButtonsCanBeRead(t *testing.T) {
	t.Parallel()
	address, _ := serveGallery(t)
	for _, dark := range []bool{false, true} {
		t.Run(fmt.Sprintf("dark=%t", dark), func(t *testing.T) {
			t.Parallel()
			w := sitetest.Chromium(t, 1280, 800, dark)
			for _, name := range []string{"account: first", "admin-user: full"} {
				w.Open(address + url.PathEscape(name))
				w.OpenAll()
				ratios := sitetest.Evaluate[[]float64](w, `[...document.querySelectorAll("button.danger")].map(button => {
					const light = colour => {
						const [r, g, b] = colour.match(/[\d.]+/g).map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
						return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
					};
					const style = getComputedStyle(button), [one, other] = [light(style.color), light(style.backgroundColor)];
					return Math.max(one, other) / Math.min(one, other);
				})`)
				if len(ratios) == 0 || slices.Min(ratios) < 4.5 {
					t.Errorf("%s: the contrasts of red buttons are %.2f", name, ratios)
				}
			}
		})
	}
}

// TestWhatOpensIsSeenAndClosesAgain: it looks like a button, has the ring of all other
// controls, closes with Escape, and when another one is opened.
func TestWhatOpensIsSeenAndClosesAgain(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	for range 2 {
		site.SignIn("ada")
	}
	w := sitetest.Chromium(t, 1280, 800, false)
	w.SignIn(site.URL)
	w.Open(site.URL + "/sessions")
	looks := sitetest.Evaluate[string](w, `[...document.querySelectorAll("main summary")].map(s => { const style = getComputedStyle(s);
		return style.borderTopWidth + " " + style.borderTopStyle + " " + (s.offsetHeight >= 36) }).join(", ")`)
	if looks == "" || strings.ReplaceAll(strings.ReplaceAll(looks, "1px solid true", ""), ", ", "") != "" {
		t.Errorf("what opens looks like %s", looks)
	}
	ring := func() string {
		t.Helper()
		return sitetest.Evaluate[string](w, `(() => { const style = getComputedStyle(document.activeElement); return style.outlineWidth + style.outlineStyle + style.outlineColor })()`)
	}
	w.Press(kb.Tab + kb.Tab) // past the link to the content
	link := ring()
	for range 20 {
		if sitetest.Evaluate[bool](w, `document.activeElement.matches("main summary")`) {
			break
		}
		w.Press(kb.Tab)
	}
	if got := ring(); got != link || !strings.HasPrefix(got, "3px") {
		t.Errorf("what opens has the ring %s, and a link %s", got, link)
	}
	w.Press(kb.Enter)
	w.WaitFor(`document.activeElement.parentElement.open`)
	w.Press(kb.Tab)
	w.WaitFor(`document.activeElement.matches("main details[open] form button")`)
	w.Press(kb.Escape)
	w.WaitFor(`!document.querySelector("details[open]") && document.activeElement.matches("main summary")`)
	w.Press(kb.Enter)
	w.WaitFor(`document.activeElement.parentElement.open`)
	w.Click("main li:last-child summary", false)
	w.WaitFor(`document.querySelectorAll("details[open]").length == 1 && document.querySelector("main li:last-child details").open`)
	w.Click("main li:last-child summary", false)
	w.WaitFor(`!document.querySelector("details[open]")`)
}

// TestOneIsOpenAtATime without the script, too.
func TestOneIsOpenAtATime(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.SignIn("ada")
	w := sitetest.Chromium(t, 1280, 800, false)
	sitetest.Call(w, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	w.Open(site.URL + "/login")
	w.Press("ada\t" + sitetest.Password)
	w.Enter()
	w.Open(site.URL + "/sessions")
	for _, summary := range []string{"main li:first-child summary", "main li:last-child summary", ".account summary", ".below summary"} {
		w.Click(summary, false)
		if open := sitetest.Evaluate[string](w, `[...document.querySelectorAll("details[open] > summary")].map(open => open === document.querySelector("`+summary+`")).join()`); open != "true" {
			t.Errorf("after a click on %s it is open: %s", summary, open)
		}
	}
}

// TestTheFrameStandsStill from page to page, and the tabs begin where the content begins.
func TestTheFrameStandsStill(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	for _, width := range []int64{1280, 390} {
		w := sitetest.Chromium(t, width, 800, false)
		w.SignIn(site.URL)
		var first string
		for _, path := range []string{"/dashboard", "/sessions", "/activity", "/account", "/admin", "/admin/users", "/admin/users/new", "/admin/activity", "/nothing"} {
			w.Open(site.URL + path)
			at := sitetest.Evaluate[string](w, `[...document.querySelectorAll(".brand, .pages li, .account")].map(e => { const box = e.getBoundingClientRect(); return [box.x, box.y, box.width].map(Math.round) }).join(" ")`)
			if first == "" {
				first = at
			}
			if at != first {
				t.Errorf("%d px wide, the frame of %s is at\n%s, and not at\n%s", width, path, at, first)
			}
			left := sitetest.Evaluate[[]float64](w, `[...document.querySelectorAll(".tabs ul, .tabs a, .brand, h1, main > article")].filter(e => e.matches(":not(li + li *)")).map(e => e.getBoundingClientRect().x)`)
			if path != "/nothing" && slices.Max(left)-slices.Min(left) > 0.5 {
				t.Errorf("%d px wide, the left edges of %s are at %v", width, path, left)
			}
		}
		// In forced colours a transparent border is seen: only the current tab has one.
		w.Open(site.URL + "/admin/users")
		sitetest.Call(w, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "forced-colors", Value: "active"}}})
		if lines := sitetest.Evaluate[string](w, `[...document.querySelectorAll(".tabs a")].map(a => getComputedStyle(a).borderBottomWidth).join(" ")`); lines != "0px 2px 0px 0px" {
			t.Errorf("%d px wide, the lines below the tabs are %s", width, lines)
		}
	}
}

// TestPrintedPages are dark on white whatever the theme, with what is told by colour, and
// without what can only be clicked on.
func TestPrintedPages(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	w := sitetest.Chromium(t, 1280, 800, true)
	w.SignIn(site.URL)
	sitetest.Call(w, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print", Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
	for expression, want := range map[string]string{
		`getComputedStyle(document.body).backgroundColor`:                                                             "rgb(255, 255, 255)",
		`getComputedStyle(document.body).color`:                                                                       "rgb(42, 48, 54)",
		`getComputedStyle(document.querySelector("progress")).printColorAdjust`:                                       "exact",
		`getComputedStyle(document.querySelector(".badge")).printColorAdjust`:                                         "exact",
		`getComputedStyle(document.body).display + getComputedStyle(document.querySelector(".cards")).display`:        "blockblock",
		`getComputedStyle(document.querySelector("article.wide:last-child")).breakInside`:                             "auto",
		`getComputedStyle(document.querySelector(".rows > li")).breakInside`:                                          "avoid",
		`[...document.querySelectorAll("nav a, button, summary")].filter(e => e.getClientRects().length).length + ""`: "0",
	} {
		if got := sitetest.Evaluate[string](w, expression); got != want {
			t.Errorf("printed, %s is %s, not %s", expression, got, want)
		}
	}
}

// TestOnePageTurnsIntoTheNext, unless the user wants less motion.
func TestOnePageTurnsIntoTheNext(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	for _, motion := range []string{"no-preference", "reduce"} {
		w := sitetest.Chromium(t, 1280, 800, false)
		sitetest.Call(w, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: motion}}})
		w.SignIn(site.URL)
		w.WaitFor(`location.pathname == "/dashboard" && document.readyState == "complete"`)
		sitetest.Evaluate[any](w, `addEventListener("pageswap", event => localStorage.turned = !!event.viewTransition)`)
		w.Click(`.pages a[href="/sessions"]`, true)
		w.WaitFor(`location.pathname == "/sessions"`)
		if got, want := sitetest.Evaluate[string](w, "localStorage.turned"), fmt.Sprint(motion == "no-preference"); got != want {
			t.Errorf("with %s of motion, it turns: %s", motion, got)
		}
	}
}
