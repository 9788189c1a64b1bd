package handlers_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"daypass/handlers/sitetest"
)

// TestTheReadmesPageWorks adds the page of the README and of the topic "extend" to
// a copy of the tree by hand, as that tells to, builds the copy and uses the page.
// What the command writes is the same to the letter.
func TestTheReadmesPageWorks(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds and tests a copy of the program")
	}
	if _, err := os.Stat("notes.go"); err == nil {
		t.Skip("the README's page was added to this checkout; its own test is in handlers/notes_test.go")
	}
	texts := sitetest.Documents(t)
	_, section, _ := strings.Cut(texts["handlers/command/help/extend.md"], "\n## Add a page\n")
	section, _, _ = strings.Cut(section, "\n## While you write\n")
	if block := sitetest.Block(t, section, "go run . new view"); !strings.Contains(texts["README.md"], "\n"+block) {
		t.Errorf("the README does not show\n%s", block)
	}
	command := regexp.MustCompile(`(?m)^go run \. (new view .*)$`).FindStringSubmatch(section)[1]

	tree := sitetest.CopyOfTheTree(t)
	inTree := func(command string) string {
		t.Helper()
		process := exec.Command("sh", "-c", command)
		process.Dir = tree
		out, err := process.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
		return string(out)
	}
	inTree("go build -o daypass . && ./daypass " + command + " && go build -o daypass .")
	if wrong := inTree("gofmt -l ."); wrong != "" {
		t.Errorf("what the command writes is not formatted: %s", wrong)
	}
	inTree("go vet ./handlers ./models && go test -run 'Notes|Gallery|Fits|Render|Guide' ./handlers")
	for _, file := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(section, -1) {
		if found, err := filepath.Glob(filepath.Join(tree, strings.ReplaceAll(file[1], "…", "*"))); err != nil || len(found) != 1 {
			t.Errorf("there is no %s", file[1])
		}
	}

	p := sitetest.LaunchProgram(t, filepath.Join(tree, "daypass"), t.TempDir())
	token := regexp.MustCompile(`token=(\w+)`).FindStringSubmatch(p.Out.String())[1]
	site := &sitetest.Site{T: t, URL: p.URL}
	ada := site.Visitor()
	ada.Get("/notes").LeadsTo("/setup")
	ada.Post("/setup", "token", token, "username", "ada", "full_name", "Ada", "password", sitetest.Password).LeadsTo("/dashboard")
	ada.Get("/dashboard").Says(`<a href="/notes">`)
	ada.Get("/notes").Answers(200).Says("There are no notes yet.")
	ada.Post("/notes", "title", "<b>milk</b>", "done", "on").LeadsTo("/notes")
	ada.Get("/notes").Answers(200).Says("The note was saved.").Says("&lt;b&gt;milk&lt;/b&gt;").Says(`<span class="tag">done</span>`)
	ada.Post("/notes", "title", strings.Repeat("x", 201)).Answers(422).Says("Use at most 200 characters.")
	for i := range 51 {
		ada.Post("/notes", "title", fmt.Sprint("note ", i)).LeadsTo("/notes")
	}
	older := regexp.MustCompile(`href="(/notes\?before=[^"]+)"`).FindStringSubmatch(ada.Get("/notes").Says("note 50").Body)
	if older == nil {
		t.Fatal("a long list has no second page")
	}
	ada.Get(older[1]).Answers(200).Says("milk").Says("note 0")
	ada.Post("/account/data.json").Answers(200).Says(`"notes": [`).Says("milk")
	site.Visitor().Get("/notes").LeadsTo("/login?next=%2Fnotes")

	w := sitetest.Chromium(t, 390, 800, true)
	w.Open(p.URL + "/login")
	w.Press("ada\t" + sitetest.Password)
	w.Enter()
	w.Open(p.URL + "/notes")
	w.Look("notes")
	w.Open("about:blank")
	p.Stop()
}

// TestDevFollowsTheDisk writes templates as a developer does while the program
// runs: the page follows, and a slip is shown with its place.
func TestDevFollowsTheDisk(t *testing.T) {
	tree := t.TempDir()
	for _, part := range []string{"views", "public"} {
		sitetest.Must(t, os.CopyFS(filepath.Join(tree, part), os.DirFS(filepath.Join("..", part))))
	}
	view := filepath.Join(tree, "views/setup.html")
	original, err := os.ReadFile(view)
	sitetest.Must(t, err)
	write := func(text string) { sitetest.Must(t, os.WriteFile(view, []byte(text), 0o600)) }

	p := sitetest.Launch(t, tree, "--dev")
	site := &sitetest.Site{T: t, URL: p.URL}
	setup := regexp.MustCompile(`/setup\?token=\w+`).FindString(p.Out.String())
	page := site.Visitor().Get(setup).Answers(200).Says("/public/dev.")
	wrong := []struct{ text, says string }{
		{"{{template \"layouts/begin\" .}}\n<h1>{{.Titel}}</h1>\n", "<strong>views/setup.html:2</strong> {{.Titel}}: handlers.SetupPage has no field or method Titel"},
		{"<h1>\n\n{{if}}\n", "views/setup.html:3</strong> missing value for if"},
		{"<h1>\n{{template \"partials/nothing\"}}\n", "views/setup.html:2</strong> no such template"},
		{"<h1>\n{{nothing .}}\n", "views/setup.html:2</strong> function &#34;nothing&#34; not defined"},
		{"<h1>\n{{icon \"nothing\"}}\n", "public/icons.svg has no icon"},
		{"<h1 {{if .Title}}>{{end}}\n", "views/setup.html:1</strong> {{if}} branches end in different contexts"},
	}
	for _, slip := range wrong {
		write(slip.text)
		page := site.Visitor().Get(setup).Answers(500).Says(slip.says).Says(`<span class="wrong">`)
		if page.Response.Header.Get("Content-Security-Policy") == "" {
			t.Error("the page of a slip has no security headers")
		}
	}
	write(string(original))
	state := regexp.MustCompile(`data-dev="\w+"`)
	if again := site.Visitor().Get(setup).Answers(200); state.ReplaceAllString(again.Body, "") != state.ReplaceAllString(page.Body, "") {
		t.Error("the page is not what it was")
	}
	style := regexp.MustCompile(`/public/app\.\w+\.css`)
	site.Visitor().Get(style.FindString(page.Body)).Answers(200)
	sitetest.Must(t, os.WriteFile(filepath.Join(tree, "public/app.css"), []byte("h1 { color: red }"), 0o600))
	fresh := style.FindString(site.Visitor().Get(setup).Body)
	if fresh == style.FindString(page.Body) {
		t.Error("a changed style has the old name")
	}
	site.Visitor().Get(fresh).Answers(200).Says("color: red")

	w := sitetest.Chromium(t, 1280, 800, false)
	w.Open(p.URL + setup)
	write(strings.Replace(string(original), "<h1>", "<h1>{{.Titel}}", 1))
	w.WaitFor("document.querySelector('.source') != null")
	w.Look("a slip in a template")
	for _, title := range []string{"First", "Second"} {
		write("{{template \"layouts/begin\" .}}<h1>" + title + "</h1>{{template \"layouts/end\" .}}")
		w.WaitFor("document.querySelector('h1')?.textContent == '" + title + "'")
	}
	w.Open("about:blank")
	p.Stop()

	t.Chdir(t.TempDir())
	if status, _, errs := sitetest.Typed(t, "", "--dev"); status != 2 || !strings.Contains(errs, "views/layouts/begin.html") {
		t.Errorf("outside of a checkout: status %d: %s", status, errs)
	}
}
