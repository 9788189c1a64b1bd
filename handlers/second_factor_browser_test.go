package handlers_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"

	"daypass/handlers/sitetest"
	"daypass/models"
)

// TestTheSecondFactorInABrowser is set up and used as people do, with the script and without.
func TestTheSecondFactorInABrowser(t *testing.T) {
	t.Parallel()
	for _, script := range []bool{true, false} {
		t.Run(fmt.Sprintf("script=%t", script), func(t *testing.T) {
			t.Parallel()
			w := sitetest.Chromium(t, 390, 800, !script)
			sitetest.Call(w, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !script})
			look := func(name string) {
				if script { // without, axe-core waits for ever
					w.Look(name)
				}
			}
			site := sitetest.Start(t)
			w.SignIn(site.URL)
			w.Open(site.URL + "/account/security")
			w.Click(`form[action="/account/security/app"] button`, true)
			look("new app")
			seed := strings.ReplaceAll(sitetest.Evaluate[string](w, `document.querySelector(".key code").textContent`), " ", "")
			w.Press("000000")
			w.Enter()
			w.Shows(site.URL+"/account/security/app/confirm", "code")
			w.Press(models.Code(seed, site.DB.Now()))
			w.Enter()
			look("codes")
			code := sitetest.Evaluate[string](w, `document.querySelector(".codes code").textContent`)
			w.Click(`a[download]`, false)
			w.Click(`a[href="/account/security"].button`, true)
			w.Into("#recovery_code", code)
			w.Enter()
			look("security")
			w.SignOut()

			site.Advance(time.Minute)
			w.SignIn(site.URL)
			w.Shows(site.URL+"/login/second-factor", "code")
			w.Press("000000")
			w.Enter()
			look("second step")
			w.Press(models.Code(seed, site.DB.Now()))
			w.Enter()
			w.Shows(site.URL+"/dashboard", "")
		})
	}
}
