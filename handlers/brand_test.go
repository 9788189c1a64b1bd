package handlers_test

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"daypass/handlers"
	"daypass/handlers/render"
	"daypass/handlers/sitetest"
)

// TestASiteHasItsOwnName, its own icon, and its own words about a forgotten password.
func TestASiteHasItsOwnName(t *testing.T) {
	t.Parallel()
	var picture bytes.Buffer
	sitetest.Must(t, png.Encode(&picture, image.NewGray(image.Rect(0, 0, 32, 32))))
	for content, kind := range map[string]string{picture.String(): "image/png", `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><rect width="1" height="1"/></svg>`: "image/svg+xml"} {
		file := filepath.Join(t.TempDir(), "icon")
		sitetest.Must(t, os.WriteFile(file, []byte(content), 0o600))
		icon, err := render.ReadIcon(file)
		sitetest.Must(t, err)
		site := sitetest.Start(t, func(c *handlers.Config) {
			c.Title, c.Icon, c.Forgotten = `Quill & <Ink> "\`, icon, "Call <Ada>, room 7."
		})
		ada := site.SignIn("ada")
		for range 2 { // the second one is cached
			for _, page := range []*sitetest.Answer{site.Visitor().Get("/login"), ada.Get("/dashboard"), ada.Get("/admin/users"), ada.Get("/nothing")} {
				page.Says(" · Quill &amp; &lt;Ink&gt; &#34;\\</title>").Says("<bdi>Quill &amp; &lt;Ink&gt; &#34;\\</bdi></a>").SaysNot("Daypass")
			}
			site.Visitor().Get("/login").Says("Forgotten your password? Call &lt;Ada&gt;, room 7.")
		}
		address := regexp.MustCompile(`<link rel="icon" href="([^"]+)">`).FindStringSubmatch(ada.Get("/dashboard").Body)
		if address == nil {
			t.Fatal("there is no icon")
		}
		answer := site.Visitor().Get(address[1]).Answers(200)
		if got := answer.Response.Header; answer.Body != content || got.Get("Content-Type") != kind || got.Get("X-Content-Type-Options") != "nosniff" || got.Get("Content-Security-Policy") == "" {
			t.Errorf("the icon is answered with %v", got)
		}
		if icon := site.Visitor().Get("/favicon.ico").Answers(200); icon.Body != content || icon.Response.Header.Get("Content-Type") != kind {
			t.Errorf("the icon of what reads no page is answered with %v", icon.Response.Header)
		}
		visitor := site.Visitor()
		visitor.Header.Set("Accept", "application/json")
		if asked := visitor.Get("/dashboard").Answers(401).Response.Header.Get("WWW-Authenticate"); asked != `Cookie realm="Quill & <Ink> \"\\", form-action="/login"` {
			t.Errorf("who is not signed in is told %s", asked)
		}
	}
	usual := sitetest.Start(t)
	usual.Visitor().Get("/login").Says("· Daypass</title>").Says("Forgotten your password? Ask an administrator for a link")
	sitetest.StartEmpty(t, func(c *handlers.Config) { c.Title = "Quill" }).Visitor().Get("/setup").Says("Quill is running")
}
