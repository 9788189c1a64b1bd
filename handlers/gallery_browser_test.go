package handlers_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/emulation"

	"daypass/handlers"
	"daypass/handlers/sitetest"
)

// serveGallery serves every page of the gallery below /gallery/, with the headers
// and the assets of a site, and returns its address and the names of the pages.
func serveGallery(t *testing.T) (address string, names []string) {
	t.Helper()
	site := sitetest.Start(t)
	policy := site.Visitor().Get("/login").Response.Header.Get("Content-Security-Policy")
	pages := handlers.GalleryPages(t)
	mux := http.NewServeMux()
	mux.HandleFunc("/gallery/{name}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write([]byte(pages[r.PathValue("name")]))
	})
	mux.Handle("/", httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: site.URL[len("http://"):]}))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL + "/gallery/", slices.Sorted(maps.Keys(pages))
}

// TestEveryStateOfEveryPageIsAccessible in all states, with everything open.
func TestEveryStateOfEveryPageIsAccessible(t *testing.T) {
	t.Parallel()
	address, names := serveGallery(t)
	for width, dark := range map[int64]bool{390: false, 1280: true} {
		t.Run(fmt.Sprintf("width=%d", width), func(t *testing.T) {
			t.Parallel()
			w := sitetest.Chromium(t, width, 800, dark)
			for _, name := range names {
				w.Open(address + url.PathEscape(name))
				w.Look(name)
			}
		})
	}
}

// TestForcedColors looks at two pages with the colours that a user of Windows'
// contrast themes chose, and at what must be told apart there.
func TestForcedColors(t *testing.T) {
	t.Parallel()
	address, _ := serveGallery(t)
	w := sitetest.Chromium(t, 1280, 800, false)
	sitetest.Call(w, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "forced-colors", Value: "active"}}})
	for _, name := range []string{"dashboard: everything", "account: first"} {
		w.Open(address + url.PathEscape(name))
		w.Look(name)
	}
	w.Open(address + url.PathEscape("dashboard: everything"))
	for _, bars := range []string{".plot .bar", ".key .bar"} {
		looks := sitetest.Evaluate[[]string](w, `[...document.querySelectorAll("`+bars+`")].map(bar => getComputedStyle(bar).fill + " " + getComputedStyle(bar).stroke)`)
		if len(looks) != 2 || looks[0] == looks[1] {
			t.Errorf("%s look like %q", bars, looks)
		}
	}
}
