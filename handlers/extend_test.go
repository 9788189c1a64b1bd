package handlers_test

import (
	"fmt"
	"html"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

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
	// The topic "example" adds to the same copy.
	example := texts["handlers/command/help/example.md"]
	commands := regexp.MustCompile(`(?m)^go run \. (new view .*)$`).FindAllStringSubmatch(example, -1)
	if len(commands) != 2 {
		t.Fatalf("the example has the commands %q", commands)
	}
	inTree("go build -o daypass . && ./daypass " + command + " && ./daypass " + commands[0][1] + " && ./daypass " + commands[1][1] + " && go build -o daypass .")
	written, err := os.ReadFile(filepath.Join(tree, "handlers/orders.go"))
	sitetest.Must(t, err)
	code := regexp.MustCompile("(?s)```go\n(.*?)```").FindStringSubmatch(example)[1]
	if indented := "\t" + strings.ReplaceAll(strings.TrimSuffix(code, "\n"), "\n", "\n\t"); !strings.Contains(string(written), indented) {
		t.Errorf("the example's code is not what the command writes:\n%s", code)
	}
	if wrong := inTree("gofmt -l ."); wrong != "" {
		t.Errorf("what the command writes is not formatted: %s", wrong)
	}
	inTree("go vet ./handlers ./models && go test -short -run 'Notes|Customers|Orders|Gallery|Fits|Render|Guide|Define|Button' ./handlers")
	for _, file := range regexp.MustCompile("(?m)^\\| `([^`]+/[^`]+)` \\|").FindAllStringSubmatch(section, -1) {
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
	ada.Get("/notes").Answers(200).Says("There are no notes yet.").Says(`href="/notes/new"`)
	ada.Post("/notes/new", "title", "<b>milk</b>", "done", "on").LeadsTo("/notes")
	ada.Get("/notes").Answers(200).Says("The note was saved.").Says("&lt;b&gt;milk&lt;/b&gt;").Says(`<span class="tag">yes</span>`)
	ada.Post("/notes/new", "title", strings.Repeat("x", 201)).Answers(422).Says("Use at most 200 characters.")
	for i := range 51 {
		ada.Post("/notes/new", "title", fmt.Sprint("note ", i)).LeadsTo("/notes")
	}
	next := html.UnescapeString(ada.Get("/notes").Says("note 50").SaysNot("milk").First(`href="(/notes\?after=[^"]+)" rel="next"`))
	ada.Get(next).Answers(200).Says("milk").Says("note 0").Says(`rel="prev"`)
	ada.Post("/account/data.json").Answers(200).Says(`"notes": [`).Says("milk")
	site.Visitor().Get("/notes").LeadsTo("/login?next=%2Fnotes")

	w := sitetest.Chromium(t, 390, 800, true)
	w.SignIn(p.URL)
	w.Open(p.URL + "/notes")
	w.Look("notes")
	useTheExample(t, ada, w, p.URL)
	w.Open("about:blank")
	p.Stop()
}

// useTheExample uses the pages of the topic "example" as people do, and looks at each.
func useTheExample(t *testing.T, ada *sitetest.Browser, w *sitetest.Window, address string) {
	t.Helper()
	var customers []string
	for _, name := range []string{"Grace Hopper", "<b>Åse</b>", "alan turing"} {
		path := ada.Post("/customers/new", "name", name, "email", "someone@example.org", "city", "London", "note", "One\r\n\r\ntwo").Answers(303).Response.Header.Get("Location")
		ada.Get(path).Says("The customer was saved.").Says("One\n\ntwo").Says(`<a href="mailto:someone@example.org">`)
		customers = append(customers, strings.TrimPrefix(path, "/customers/"))
	}
	ada.Post("/customers/new", "name", "Eve", "email", "no address", "city", "x").Answers(422).Says("This is not an e-mail address").Says(`value="Eve"`)
	ada.Get("/orders/new?customer=" + customers[1]).Says(`<option value="` + customers[1] + `" selected>&lt;b&gt;Åse&lt;/b&gt;</option>`)

	this := time.Now().UTC()
	orders := []struct{ customer, status, total string }{{customers[0], "open", "12.5"}, {customers[1], "paid", "12,51"}, {customers[1], "in vain", "1 234.50"}, {customers[1], "open", "1 234.50"}, {customers[2], "open", "1,234"}}
	for i, order := range orders {
		answer := ada.Post("/orders/new", "number", fmt.Sprint(100+i), "customer", order.customer, "status", order.status, "total", order.total, "ordered_on", this.Format(time.DateOnly))
		switch {
		case order.status == "in vain":
			answer.Answers(422).Says("Choose one of the list.").Says(`value="1234.50"`)
		case order.total == "1,234":
			answer.Answers(422).Says("This can be read in two ways.").Says(`value="1,234"`)
		default:
			answer.Answers(303)
		}
	}
	inOrder := func(answer *sitetest.Answer, texts ...string) {
		t.Helper()
		_, body, _ := strings.Cut(answer.Answers(200).Body, "<tbody>")
		for _, text := range texts {
			_, rest, found := strings.Cut(body, text)
			if !found {
				t.Errorf("%s does not list %q in turn", answer.To, texts)
				return
			}
			body = rest
		}
	}
	inOrder(ada.Get("/orders"), ">103<", ">101<", ">100<")
	inOrder(ada.Get("/orders?sort=total"), "12.50", "12.51", "1,234.50")
	inOrder(ada.Get("/orders?sort=-total"), "1,234.50", "12.51", "12.50")
	inOrder(ada.Get("/customers?sort=name"), "&lt;b&gt;Åse", "alan turing", "Grace Hopper")
	ada.Get("/orders?text=GRACE").Says(">100<").SaysNot(">101<")
	ada.Get("/orders?status=paid").Says(">101<").SaysNot(">100<")
	ada.Get("/orders?customer=" + customers[1]).Says(">101<").Says(">103<").SaysNot(">100<")
	ada.Get("/orders?text=nobody").Says("No orders match.")
	ada.Get("/orders").Says(this.Format("Jan 2006") + "</span> · Orders <strong>3</strong>")
	ada.Get("/customers/" + customers[1]).Says(">101<").Says("1,234.50").SaysNot(">100<")
	ada.Post("/customers/" + customers[1] + "/remove").Answers(409).Says("Other entries refer to this one")
	ada.Post("/customers/" + customers[2] + "/remove").LeadsTo("/customers")

	for _, path := range []string{"/customers", "/customers/" + customers[1], "/customers/new", "/orders?sort=-total", "/orders/new"} {
		w.Open(address + path)
		w.Look("example" + strings.NewReplacer("/", " ", "?", " ", customers[1], "one").Replace(path))
	}
	order := html.UnescapeString(ada.Get("/orders").First(`"(/orders/[0-9a-f-]{36})"`))
	w.Open(address + order + "/change")
	w.Into("#total", "-3,5")
	w.Enter()
	if shown := sitetest.Evaluate[string](w, "document.querySelector('.facts').textContent"); !strings.Contains(shown, "-3.50") {
		t.Errorf("a changed order shows %q", shown)
	}
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
	errorPage := filepath.Join(tree, "views/error.html")
	working, err := os.ReadFile(errorPage)
	sitetest.Must(t, err)
	sitetest.Must(t, os.WriteFile(errorPage, []byte("<h1>{{.Titel}}</h1>\n"), 0o600))
	site.Visitor().Get("/.well-known/nothing").Answers(404).Says("<strong>views/error.html:1</strong> {{.Titel}}")
	sitetest.Must(t, os.WriteFile(errorPage, working, 0o600))
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
	write(strings.ReplaceAll(string(original), "<h1>", "<h1>{{.Titel}}"))
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

// TestDevRebuildsGoCode changes Go code as a developer does while the program runs:
// the browser follows, and shows what the compiler complains of.
func TestDevRebuildsGoCode(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds a copy of the program several times")
	}
	tree := sitetest.CopyOfTheTree(t)
	build := exec.Command("go", "build", "-o", "daypass", ".")
	build.Dir = tree
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	page := filepath.Join(tree, "handlers/setup.go")
	original, err := os.ReadFile(page)
	sitetest.Must(t, err)
	const title = `"Create the first account"`
	write := func(from, to string) {
		t.Helper()
		if !strings.Contains(string(original), from) {
			t.Fatalf("%s has no %s", page, from)
		}
		sitetest.Must(t, os.WriteFile(page, []byte(strings.ReplaceAll(string(original), from, to)), 0o600))
	}

	p := sitetest.LaunchProgram(t, filepath.Join(tree, "daypass"), tree, "--dev")
	setup := regexp.MustCompile(`/setup\?token=\w+`).FindString(p.Out.String())
	visitor := (&sitetest.Site{T: t, URL: p.URL}).Visitor()
	follows := func(text string) { // once it is built, which takes as long as it takes
		t.Helper()
		for began := time.Now(); time.Since(began) < 5*time.Minute; time.Sleep(50 * time.Millisecond) {
			if strings.Contains(visitor.Get(setup).Body, text) {
				return
			}
		}
		t.Fatalf("no page says %q:\n%s", text, p.Out)
	}
	follows("<title>Create the first account")
	write(title, `5`)
	follows("cannot use 5")
	w := sitetest.Chromium(t, 1280, 800, false)
	w.Open(p.URL + setup)
	w.WaitFor(`document.querySelector(".source .wrong")?.textContent.includes("Title: 5")`)
	if said := sitetest.Evaluate[string](w, "document.querySelector('.message').textContent"); !strings.Contains(said, "handlers/setup.go:") {
		t.Errorf("the page of a compile error says %q", said)
	}
	w.Look("a mistake in Go code")
	write(title, `"Changed while it runs"`)
	w.WaitFor("document.title.startsWith('Changed while it runs')")
	w.Open("about:blank")
	write("package handlers", "package handlers\n\nfunc init() { panic(\"it doesn't start\") }") // then the last one that did says so
	follows("it doesn&#39;t start")
	write(title, `"Mended"`)
	follows("<title>Mended")
	p.Stop()
	if connection, err := net.Dial("tcp", strings.TrimPrefix(p.URL, "http://")); err == nil {
		connection.Close()
		t.Error("a server is left behind")
	}
}
