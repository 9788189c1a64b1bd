package scaffold

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// copied is a copy of the source of this checkout.
func copied(t *testing.T) Checkout {
	t.Helper()
	here, err := Open("../..")
	if err != nil {
		t.Fatal(err)
	}
	copy := Checkout(t.TempDir())
	if err := here.Copy(string(copy), nil); err != nil {
		t.Fatal(err)
	}
	if files, err := copy.source(); err != nil || len(files) < 50 {
		t.Fatal(files, err)
	}
	return copy
}

// run runs a command in a folder, which has to work, and returns what it said.
func run(t *testing.T, folder string, command ...string) string {
	t.Helper()
	process := exec.Command(command[0], command[1:]...)
	process.Dir = folder
	out, err := process.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(command, " "), err, out)
	}
	return string(out)
}

func columns(t *testing.T, table string) []Column {
	t.Helper()
	parsed, err := ParseColumns(table)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// TestNewViewsWork: what is written is formatted, passes vet, and the tests that
// are written with it pass, as do those that look at all pages.
func TestNewViewsWork(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds a copy of the program")
	}
	checkout := copied(t)
	for _, view := range []View{
		{Name: "sample-reports"},
		{Name: "sample-trails", Admin: true},
		{Name: "sample-notes", Columns: columns(t, "title:text done:bool")},
		{Name: "sample-lists", Admin: true, Columns: columns(t, "public:bool name:text price:number due_on:date")},
		{Name: "sample-news", Columns: columns(t, "headline:text")},
		{Name: "sample-shops", Icon: "store", Columns: columns(t, "name:text email:email note:longtext"), Search: true, Sort: true, Detail: true},
		{Name: "sample-bills", Columns: columns(t, "total:money note:longtext number:number sample_shop:ref:sample-shops status:choice:open,in-progress paid_on:date done:bool"), Search: true, Sort: true, Detail: true, Chart: "paid_on"},
		{Name: "sample-parts", Columns: columns(t, "bill:ref:sample-bills due:date"), Sort: true},
		{Name: "sample-tasks", Admin: true, Columns: columns(t, "list:ref:sample-lists email:email kind:choice:a,b"), Search: true, Detail: true, Chart: ""},
	} {
		files, err := view.Write(checkout)
		if err != nil {
			t.Fatalf("%s: %v", view.Name, err)
		}
		templates := 0
		for _, file := range files.New {
			if strings.HasPrefix(file, "views/") {
				templates++
			}
		}
		if want := map[bool]int{true: 2, false: 1}[len(view.Columns) > 0]; view.Detail && templates != 3 || !view.Detail && templates != want {
			t.Errorf("%s: %v", view.Name, files)
		}
	}
	for said, table := range map[string]string{"whose rows are each user's own": "title:text shop:ref:sample-shops", "two columns refer to": "title:text one:ref:sample-lists other:ref:sample-lists"} {
		if _, err := (View{Name: "sample-others", Admin: true, Columns: columns(t, table)}).Write(checkout); err == nil || !strings.Contains(err.Error(), said) {
			t.Errorf("%s: %v", table, err)
		}
	}
	if wrong := run(t, string(checkout), "gofmt", "-l", "."); wrong != "" {
		t.Errorf("not formatted: %s", wrong)
	}
	run(t, string(checkout), "go", "vet", "./handlers", "./models")
	run(t, string(checkout), "go", "test", "-short", "-run", "Sample|Gallery|Fits|Render|Define|Imports", "./handlers")
}

func TestSingular(t *testing.T) {
	t.Parallel()
	for many, one := range map[string]string{
		"notes": "note", "price-lists": "price-list", "entries": "entry", "boxes": "box", "classes": "class", "branches": "branch",
		"news": "news-item", "people": "people-item", "status": "status-item", "access": "access-item", "s": "s-item",
	} {
		if got := singular(many); got != one {
			t.Errorf("one of %s is %s", many, got)
		}
	}
}

// TestRefusedViewsWriteNothing: names that are taken, that Go or SQL has for
// itself, or that are none.
func TestRefusedViewsWriteNothing(t *testing.T) {
	t.Parallel()
	checkout := copied(t)
	before := state(t, checkout)
	text := columns(t, "title:text")
	for name, refused := range map[string]struct {
		view View
		said string
	}{
		"capitals":              {View{Name: "Notes"}, "is no name for a page"},
		"a path":                {View{Name: "../notes"}, "is no name for a page"},
		"nothing":               {View{}, "is no name for a page"},
		"a word of Go":          {View{Name: "range"}, "can't have that name, since range means something else in Go code"},
		"main":                  {View{Name: "main"}, "can't have that name, since main means something else in Go code; choose another one, such as my-main"},
		"a variable":            {View{Name: "charts", Columns: text}, "since chart means something else"},
		"no such icon":          {View{Name: "sample", Icon: "cart"}, "for that word it has shopping-cart"},
		"no table":              {View{Name: "sample", Sort: true}, "need a --table"},
		"no text":               {View{Name: "samples", Search: true, Columns: columns(t, "on:date")}, "--search needs a column of type text"},
		"no date":               {View{Name: "samples", Chart: "title", Columns: text}, "has no column title of type date"},
		"no other page":         {View{Name: "samples", Columns: columns(t, "title:text owner:ref:owners")}, "there is no Owner.String in models; write it first, with: go run . new view owners --table"},
		"users":                 {View{Name: "samples", Columns: columns(t, "title:text owner:ref:users")}, "there is no User.String in models"},
		"a test":                {View{Name: "unit-test"}, "means a test or a system"},
		"a system":              {View{Name: "my-linux"}, "means a test or a system"},
		"a handler":             {View{Name: "home"}, "App.home in handlers, which is there already, in handlers/dashboard.go:"},
		"a field":               {View{Name: "table"}, "App.table in handlers, which is there already, in handlers/app.go:"},
		"a page":                {View{Name: "setup"}, "SetupPage in handlers, which is there already, in handlers/setup.go:"},
		"a model":               {View{Name: "events", Columns: text}, "in models, which is there already, in models/"},
		"a view":                {View{Name: "admin"}, "is there already"},
		"a word of SQL":         {View{Name: "sample-orders", Columns: columns(t, "order:text")}, "SQLite refuses such a table"},
		"a word of PostgreSQL":  {View{Name: "sample-orders", Columns: columns(t, "title:text user:text")}, "PostgreSQL refuses a table or a column with the name user"},
		"a table of PostgreSQL": {View{Name: "analyse", Columns: text}, "PostgreSQL refuses a table or a column with the name analyse"},
		"a table of SQL":        {View{Name: "sample-indexes", Columns: columns(t, "select:text")}, "SQLite refuses such a table"},
	} {
		if files, err := refused.view.Write(checkout); err == nil || !strings.Contains(err.Error(), refused.said) {
			t.Errorf("%s: %v, %v", name, files, err)
		}
	}
	for table, said := range map[string]string{
		"":                         "needs a column",
		"done:bool":                "needs a column that names its rows",
		"note:longtext":            "needs a column that names its rows",
		"title:text,done:bool":     `separated by spaces, not by commas: --table "title:text done:bool"`,
		"title:text, done:bool":    `separated by spaces, not by commas: --table "title:text done:bool"`,
		"a:text b:choice":          "needs what can be chosen",
		"a:text b:choice:one":      "needs what can be chosen",
		"a:text b:choice:x,x":      "the same choice twice",
		"a:text b:choice:X,Y":      "needs what can be chosen",
		"a:text b:ref":             "needs the name of the page",
		"a:text sort:choice:x,y":   "can't be a choice",
		"a:text b:ref:c b_id:text": "is there already",
		"a:text b:text:c":          "needs a type",
		"a:text string:text":       "is there already",
		"title":                    "needs a type",
		"title:string":             "needs a type",
		"Title:text":               "is no name for a column",
		"title:text id:number":     "is there already",
		"title:text title:bool":    "is there already",
		"a;b:text":                 "is no name for a column",
	} {
		if _, err := ParseColumns(table); err == nil || !strings.Contains(err.Error(), said) {
			t.Errorf("%q: %v", table, err)
		}
	}
	if after := state(t, checkout); after != before {
		t.Error("something was written all the same")
	}
	notes := View{Name: "sample-notes", Columns: text}
	if _, err := notes.Write(checkout); err != nil {
		t.Fatal(err)
	}
	once := state(t, checkout)
	if _, err := notes.Write(checkout); err == nil || state(t, checkout) != once {
		t.Errorf("what is there is written over: %v", err)
	}
	if err := os.Remove(checkout.path("handlers/sample_notes.go")); err != nil { // its view is still there
		t.Fatal(err)
	}
	once = state(t, checkout)
	if _, err := (View{Name: "sample-notes"}).Write(checkout); err == nil || state(t, checkout) != once {
		t.Errorf("what is there is written over: %v", err)
	}
	if _, err := Open(t.TempDir()); err == nil || !strings.Contains(err.Error(), "there is no go.mod here") {
		t.Errorf("an empty folder is a checkout: %v", err)
	}
}

// state is all that a checkout holds.
func state(t *testing.T, checkout Checkout) string {
	t.Helper()
	files, err := checkout.source()
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		content, err := checkout.read(file)
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(file + "\x00" + string(content) + "\x00")
	}
	return all.String()
}

// TestANewAppIsItsOwn: no word of the old name is left but where the copy itself
// makes copies, and what is built from it has the new one. CI runs all tests of such a copy.
func TestANewAppIsItsOwn(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds a copy of the program")
	}
	checkout := copied(t)
	for _, leftOut := range []string{"daypass", "data/daypass.db", "data/secret", "x.prof", ".git"} {
		if err := os.WriteFile(checkout.path(leftOut), []byte("daypass"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	app := App{Name: "acme-desk", Module: "example.org/team/acme", Title: "Acme Desk", Folder: filepath.Join(t.TempDir(), "copy")}
	folder, err := app.Write(checkout)
	if renamed, failed := checkout.renamed(); renamed && failed == nil { // CI tests a copy
		if err == nil || !strings.Contains(err.Error(), "is such a copy") {
			t.Errorf("a copy is copied: %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	copy, err := Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	files, err := copy.source()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		content, err := copy.read(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(strings.ToLower(string(content)), ownName) && !strings.HasPrefix(file, "handlers/scaffold/") {
			t.Errorf("%s still has the old name", file)
		}
	}
	for _, leftOut := range []string{"daypass", "acme-desk", "data/daypass.db", "data/secret", "x.prof", ".git"} {
		if _, err := os.Stat(copy.path(leftOut)); err == nil {
			t.Errorf("%s was copied", leftOut)
		}
	}
	if wrong := run(t, folder, "gofmt", "-l", "."); wrong != "" {
		t.Errorf("not formatted: %s", wrong)
	}
	run(t, folder, "go", "vet", ".", "./handlers", "./models")
	if _, err := (App{Name: "other", Folder: filepath.Join(t.TempDir(), "other")}).Write(copy); err == nil {
		t.Error("a copy is copied")
	}
	run(t, folder, "go", "test", "-run", "TestTheSequenceOfEvents|TestS2|TestTheFirstStart|TestTheProgram|TestUsersFrom|TestTheReadmeNames", ".")
	if said := run(t, folder, "go", "run", ".", "version"); !strings.HasPrefix(said, "acme-desk ") {
		t.Errorf("the binary says %s", said)
	}

	if _, err := app.Write(checkout); err == nil || !strings.Contains(err.Error(), "is there already and not empty") {
		t.Errorf("a folder that is not empty is written to: %v", err)
	}
	for said, wrong := range map[string]App{
		"is no name for an app":      {Name: "Acme"},
		"is no name for a Go module": {Name: "acme", Module: "a b"},
		"is a package of Go's":       {Name: "fmt"},
		"is no title":                {Name: "acme", Title: "<b>"},
	} {
		wrong.Folder = filepath.Join(t.TempDir(), "copy")
		if _, err := wrong.Write(checkout); err == nil || !strings.Contains(err.Error(), said) {
			t.Errorf("%v: %v", wrong, err)
		}
	}
}

// TestEverySystemOfGoIsKnown, so that no page has a file that some of them leave out.
func TestEverySystemOfGoIsKnown(t *testing.T) {
	t.Parallel()
	for _, system := range strings.FieldsFunc(run(t, ".", "go", "tool", "dist", "list"), func(r rune) bool { return r == '/' || r == '\n' }) {
		if hasPlainFile("my-" + system) {
			t.Errorf("a file whose name ends in _%s is taken for one of all systems", system)
		}
	}
	if !hasPlainFile("linux") || !hasPlainFile("my-list") {
		t.Error("a file of all systems is taken for one of a single one")
	}
}
