package handlers_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"daypass/handlers/sitetest"
)

// TestTheFirstVisitOfTheDashboardIsSmall counts what is sent: the page
// with full lists and all that it names, compressed.
func TestTheFirstVisitOfTheDashboardIsSmall(t *testing.T) {
	t.Parallel()
	const most = 40_000
	site := sitetest.Start(t)
	site.StopClock()
	site.Life("ada")
	site.Advance(-13 * time.Hour)
	site.Life("ada") // by now all lists are full
	ada := site.SignIn("ada")
	page := ada.Get("/dashboard").Answers(200)
	files := map[string]bool{"/dashboard": true}
	for _, named := range regexp.MustCompile(`(?:href|src)="(/(?:public/|favicon|icon)[^"#]+)`).FindAllStringSubmatch(page.Body, -1) {
		files[named[1]] = true
	}
	if !strings.Contains(page.Body, ">All 5 sessions</a>") {
		t.Error("not all lists are full")
	}
	if len(files) < 5 {
		t.Fatalf("the page names only %v", files)
	}
	ada.Header.Set("Accept-Encoding", "gzip, deflate, br, zstd") // a header that is set leaves the answer as it is sent
	sum := 0
	for path := range files {
		answer := ada.Get(path).Answers(200)
		var header bytes.Buffer
		answer.Response.Header.Write(&header)
		sum += header.Len() + len(answer.Body)
		t.Logf("%6d %s %s", header.Len()+len(answer.Body), answer.Response.Header.Get("Content-Encoding"), path)
	}
	if sum > most {
		t.Errorf("the first visit sends %d bytes, more than %d", sum, most)
	}
}
