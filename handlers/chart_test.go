package handlers_test

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"daypass/handlers/sitetest"
)

// TestTheLabelsOfAChartAreWhole, and apart, and what they say is written as in the rows of the page.
func TestTheLabelsOfAChartAreWhole(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.Life("ada")
	w := sitetest.Chromium(t, 1280, 800, false)
	w.SignIn(site.URL)
	for _, locale := range []string{"en-US", "de-DE"} {
		sitetest.Call(w, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: "Mozilla/5.0", AcceptLanguage: locale})
		for path, options := range map[string]string{
			"/dashboard": `{ day: "numeric", month: "short", timeZone: "UTC" }`,
			"/admin":     `{ hour: "numeric", minute: "2-digit", timeZone: "UTC" }`,
		} {
			w.Open(site.URL + path)
			if wrong := sitetest.Evaluate[string](w, `[...document.querySelectorAll(".chart .tick time")].filter((time, i) =>
				[time, document.querySelectorAll(".figure > span")[i], document.querySelectorAll(".chart tbody th")[i]].some(label =>
					label.lang !== "`+locale+`" || label.textContent !== new Intl.DateTimeFormat("`+locale+`", `+options+`).format(new Date(time.dateTime)))
			).map(time => time.outerHTML).slice(0, 3).join()`); wrong != "" {
				t.Errorf("in %s, %s shows %s", locale, path, wrong)
			}
			for _, width := range []int64{320, 360, 390, 430, 540, 640, 768, 1024, 1280} {
				sitetest.Must(t, chromedp.Do(w.Ctx, chromedp.EmulateViewport(width, 800)))
				labels := sitetest.Evaluate[[]string](w, `(() => {
					const picture = document.querySelector(".chart .picture").getBoundingClientRect();
					const labels = [...document.querySelectorAll(".chart .tick time")].filter(time => getComputedStyle(time).visibility === "visible").map(time => [time.textContent, time.getBoundingClientRect()])
						.filter(([, box]) => box.right > picture.left + 1);
					return labels.map(([text, box], i) => text + (box.left < picture.left - 1 || box.right > picture.right + 1 ? " is cut" : "") + (i > 0 && box.left < labels[i - 1][1].right + 3 ? " touches" : ""));
				})()`)
				if all := strings.Join(labels, ", "); len(labels) < 3 || strings.Contains(all, "is cut") || strings.Contains(all, "touches") {
					t.Errorf("in %s, %d px wide, the labels of %s are: %s", locale, width, path, all)
				}
			}
		}
	}
}

// TestAChartSaysItsFigures to a mouse, the keyboard and a finger, without the script.
func TestAChartSaysItsFigures(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.Life("ada")
	w := sitetest.Chromium(t, 390, 800, false)
	sitetest.Call(w, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	w.SignIn(site.URL)
	w.Shows(site.URL+"/dashboard", "")
	center := func(selector string) (x, y float64) {
		t.Helper()
		place := sitetest.Evaluate[[]float64](w, `(() => {
			const slot = document.querySelector("`+selector+`");
			slot.scrollIntoView({block: "center"});
			const box = slot.getBoundingClientRect();
			return [box.x + box.width / 2, box.y + box.height / 2];
		})()`)
		return place[0], place[1]
	}
	nthLast := func(n string) string { return ".chart label:nth-last-child(" + n + ")" }
	says := func(n string) {
		t.Helper()
		w.WaitFor(`[...document.querySelectorAll(".chart .figure")].filter(figure => getComputedStyle(figure).opacity != 0).map(figure => figure.textContent).join() ==
			document.querySelector("` + nthLast(n) + ` .figure").textContent`)
	}
	if figure := sitetest.Evaluate[string](w, `document.querySelector(".chart label:last-of-type .figure").textContent`); !strings.Contains(figure, " · Signed in ") || !strings.Contains(figure, " · Failed ") {
		t.Errorf("the last slot says %q", figure)
	}
	x, y := center(nthLast("2"))
	sitetest.Call(w, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: input.DispatchMouseEventTypeMouseMoved, X: x, Y: y})
	says("2")
	sitetest.Call(w, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: input.DispatchMouseEventTypeMouseMoved, X: 1, Y: 1})
	w.WaitFor(`[...document.querySelectorAll(".chart .figure")].every(figure => getComputedStyle(figure).opacity == 0)`)

	sitetest.Must(t, chromedp.Do(w.Ctx, chromedp.Focus(nthLast("2")+" input"), chromedp.KeyEvent(kb.ArrowRight)))
	says("1")
	w.Press(kb.ArrowLeft + kb.ArrowLeft)
	says("3")

	sitetest.Call(w, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: true})
	x, y = center(nthLast("5"))
	sitetest.Call(w, input.DispatchTouchEvent, input.DispatchTouchEventParams{Type: input.DispatchTouchEventTypeTouchStart, TouchPoints: []*input.TouchPoint{{X: x, Y: y}}})
	sitetest.Call(w, input.DispatchTouchEvent, input.DispatchTouchEventParams{Type: input.DispatchTouchEventTypeTouchEnd, TouchPoints: []*input.TouchPoint{}})
	says("5")

	w.Click(".chart summary", false)
	table := sitetest.Evaluate[string](w, `document.querySelector(".chart table").innerText`)
	if !strings.Contains(table, "Day (UTC)") || !strings.Contains(table, "Signed in") || strings.Count(table, "\n") != 14 {
		t.Errorf("the figures are\n%s", table)
	}
}
