package command_test

import (
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/alecthomas/kong"

	"daypass/handlers/command"
	"daypass/handlers/sitetest"
	"daypass/models"
)

func TestTheReadmeNamesEveryFlagAndVariable(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../../README.md")
	sitetest.Must(t, err)
	readme := string(content)
	parser, err := kong.New(&command.CommandLine{}, kong.Name("daypass"))
	sitetest.Must(t, err)
	flags := 0
	for _, node := range append([]*kong.Node{parser.Model.Node}, parser.Model.Children...) {
		for _, flag := range node.Flags {
			if len(flag.Envs) == 0 { // of one command alone
				continue
			}
			flags++
			row := regexp.MustCompile("(?m)^\\| `--" + flag.Name + "` \\| `([A-Z_]+)` \\| (.*) \\| (.+) \\|$").FindStringSubmatch(readme)
			if row == nil || row[1] != flag.Envs[0] {
				t.Errorf("the README has no row for --%s and %s", flag.Name, flag.Envs)
			} else if flag.Default != "" && row[2] != "`"+flag.Default+"`" {
				t.Errorf("the README says that --%s is %s, and it is %s", flag.Name, row[2], flag.Default)
			}
		}
	}
	if flags < 8 {
		t.Errorf("only %d flags were found", flags)
	}
	var line command.CommandLine
	defaults, err := kong.New(&line, kong.Name("daypass"))
	sitetest.Must(t, err)
	_, err = defaults.Parse([]string{"serve"})
	sitetest.Must(t, err)
	if s := line.Serve.Settings; (models.Throttle{Account: s.ThrottleAccount, Address: s.ThrottleAddress, Delay: s.ThrottleDelay, Longest: s.ThrottleLongest}) != models.DefaultThrottle {
		t.Errorf("the defaults of the flags are not %+v", models.DefaultThrottle)
	}
	for name := range command.Variables(parser.Model) {
		if !strings.Contains(readme, "`"+name+"`") {
			t.Errorf("the README does not name %s", name)
		}
	}
	for _, command := range parser.Model.Leaves(true) {
		if !strings.Contains(readme, command.FullPath()) && command.Name != "serve" {
			t.Errorf("the README does not name the command %q", command.FullPath())
		}
	}
	// Every direct dependency has its reason.
	module, err := os.ReadFile("../../go.mod")
	sitetest.Must(t, err)
	for _, line := range strings.Split(strings.Split(string(module), ")")[0], "\n")[3:] {
		if name, _, found := strings.Cut(strings.TrimSpace(line), " v"); found && !strings.Contains(readme, name) {
			t.Errorf("the README does not say why %s is there", name)
		}
	}
}

func TestTheReadmeIsShortAndLeadsToTheTopics(t *testing.T) {
	t.Parallel()
	texts := sitetest.Documents(t)
	if lines := strings.Count(texts["README.md"], "\n"); lines > 300 {
		t.Errorf("the README has %d lines: what is longer than a screen goes into a help topic", lines)
	}
	for file, text := range texts {
		if file != "README.md" && !strings.Contains(texts["README.md"], "]("+file+")") {
			t.Errorf("the README does not link to %s", file)
		}
		for _, link := range regexp.MustCompile(`\]\(([^)#]+)\)`).FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(sitetest.Root(t), filepath.Dir(file), link[1])); err != nil {
				t.Errorf("%s links to %s: %v", file, link[1], err)
			}
		}
		for _, anchor := range regexp.MustCompile(`\]\(#([^)]+)\)`).FindAllStringSubmatch(text, -1) {
			heading := strings.NewReplacer("-", " ", "doesnt", "doesn't").Replace(anchor[1])
			if !strings.Contains(strings.ToLower(text), "\n## "+heading+"\n") {
				t.Errorf("%s links to #%s", file, anchor[1])
			}
		}
	}
}

// hasOwnName tells whether this is a copy that "new app" made.
func hasOwnName(documents map[string]string) bool {
	return !strings.HasPrefix(documents["README.md"], "# Day"+"pass\n")
}

// TestCommandsInTheReadmeAndTheTopicsExist parses each daypass command, and looks
// for what each go test command names.
func TestCommandsInTheReadmeAndTheTopicsExist(t *testing.T) {
	t.Parallel()
	root := os.DirFS(sitetest.Root(t))
	tests := map[string][]string{} // names by package
	for _, pattern := range []string{"*_test.go", "handlers/*_test.go", "handlers/*/*_test.go", "models/*_test.go"} {
		files, err := fs.Glob(root, pattern)
		sitetest.Must(t, err)
		for _, file := range files {
			content, err := fs.ReadFile(root, file)
			sitetest.Must(t, err)
			for _, name := range regexp.MustCompile(`(?m)^func ((?:Test|Benchmark|Fuzz)\w+)`).FindAllStringSubmatch(string(content), -1) {
				for _, in := range []string{"./" + filepath.Dir(file), "./..."} {
					tests[strings.TrimSuffix(in, "/.")] = append(tests[strings.TrimSuffix(in, "/.")], name[1])
				}
			}
		}
	}
	commands := 0
	for file, text := range sitetest.Documents(t) {
		text = strings.ReplaceAll(text, `\|`, "|") // in a table
		found := regexp.MustCompile("`(?:\\./)?((?:daypass|go test)(?: [^`]+)?)`").FindAllStringSubmatch(text, -1)
		found = append(found, regexp.MustCompile(`(?m)^(?:\./|.* \| \./)?((?:daypass|go test) .+)$`).FindAllStringSubmatch(text, -1)...)
		for _, typed := range found {
			commands++
			var args []string
			for _, arg := range regexp.MustCompile(`'[^']*'|"[^"]*"|\S+`).FindAllString(typed[1], -1) {
				args = append(args, strings.Trim(arg, `'"`))
			}
			if args[0] == "daypass" {
				parser, err := kong.New(&command.CommandLine{}, kong.Name("daypass"))
				sitetest.Must(t, err)
				if _, err := parser.Parse(args[1:]); err != nil {
					t.Errorf("%s: %s: %v", file, typed[1], err)
				}
				continue
			}
			names := tests[args[slices.IndexFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "./") })]]
			if names == nil {
				t.Errorf("%s: %s: no tests are there", file, typed[1])
			}
			for i, flag := range args {
				if kinds := map[string]string{"-run": "^(Test|Fuzz)", "-bench": "^Benchmark", "-fuzz": "^Fuzz"}[flag]; kinds != "" && args[i+1] != "^$" {
					if !slices.ContainsFunc(names, func(name string) bool {
						return regexp.MustCompile(kinds).MatchString(name) && regexp.MustCompile(args[i+1]).MatchString(name)
					}) {
						t.Errorf("%s: %s: no test has such a name", file, typed[1])
					}
				}
			}
		}
	}
	if commands < 40 {
		t.Errorf("only %d commands were found", commands)
	}
	for _, name := range regexp.MustCompile("\\(`(\\w+)`\\)\n").FindAllStringSubmatch(sitetest.Documents(t)["handlers/command/help/benchmarks.md"], -1) {
		if !slices.Contains(tests["./handlers"], "Benchmark"+name[1]) {
			t.Errorf("there is no benchmark %s", name[1])
		}
	}
}

// TestBlocksOfTheReadmeAndTheTopics runs what stands in the fenced blocks, as it
// is written there, in a copy of the tree. A block that no line of this test is
// about fails it.
func TestBlocksOfTheReadmeAndTheTopics(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds the program several times")
	}
	for _, program := range []string{"sqlite3", "openssl"} {
		if _, err := exec.LookPath(program); err != nil {
			missing := "this test needs " + program + "; install it, such as with: apt-get install " + program
			if os.Getenv("CI") == "true" {
				t.Fatal(missing)
			}
			t.Skip(missing)
		}
	}
	tree := filepath.Join(t.TempDir(), "checkout")
	sitetest.Must(t, os.CopyFS(tree, os.DirFS(sitetest.CopyOfTheTree(t))))
	shell := func(block string) *exec.Cmd {
		process := exec.Command("sh", "-ec", block)
		process.Dir = tree
		process.Env = append(os.Environ(), "DAYPASS_LISTEN=127.0.0.1:0", "PASSWORD="+sitetest.Password)
		process.Stdin = strings.NewReader("another walk in the grass\n")
		return process
	}
	run := func(block string) string {
		t.Helper()
		out, err := shell(block).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", block, err, out)
		}
		return string(out)
	}
	// serve runs a block that serves until stop is called.
	serve := func(block string) (said *sitetest.LockedBuffer, stop func()) {
		t.Helper()
		said = &sitetest.LockedBuffer{}
		process := shell(block)
		process.Stdout, process.Stderr = said, said
		process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // go run and the program
		sitetest.Must(t, process.Start())
		stop = sync.OnceFunc(func() {
			syscall.Kill(-process.Process.Pid, syscall.SIGINT)
			process.Wait() // until nobody holds its output; the shell is interrupted, too
		})
		t.Cleanup(stop)
		sitetest.Until(t, block+" serves", func() bool { return strings.Contains(said.String(), "msg=listening") })
		return said, stop
	}

	run("go build -o /dev/null .") // so that what follows starts soon
	texts := sitetest.Documents(t)
	var banner string
	stopServer := func() {}
	// In this order: a later block uses what an earlier one did.
	steps := []struct {
		first string // line of the block
		try   func(block string)
	}{
		{"go run .\n", func(block string) {
			said, stop := serve(block)
			banner = said.String()
			stop()
		}},
		{"  Daypass is at http://localhost:3000", func(block string) {
			shown := regexp.MustCompile(`localhost:\d+`).ReplaceAllString(regexp.MustCompile(`token=\w+`).ReplaceAllString(banner, "token=…"), "localhost:3000")
			if !strings.Contains(shown, block) {
				t.Errorf("the first start does not say\n%sbut\n%s", block, shown)
			}
		}},
		{"go build -o daypass .", func(block string) {
			if said := run(block); !strings.HasPrefix(said, "daypass "+command.Version) {
				t.Errorf("the version is %s", said)
			}
		}},
		{"go build -trimpath", func(block string) { // the benchmark Process does
			benchmark, err := os.ReadFile(filepath.Join(tree, "handlers/bench_large_test.go"))
			sitetest.Must(t, err)
			for _, quoted := range regexp.MustCompile(`'([^']+)'`).FindAllStringSubmatch(block, -1) {
				if !strings.Contains(string(benchmark), strconv.Quote(quoted[1])) && !strings.Contains(string(benchmark), "`"+quoted[1]+"`") {
					t.Errorf("no benchmark builds with %s", quoted[1])
				}
			}
		}},
		{"go doc ./handlers", func(block string) {
			if said := run(block); !strings.Contains(said, "guide to adding a page") {
				t.Errorf("it says %s", said)
			}
		}},
		{"printf '%s\\n' \"$PASSWORD\" | ./daypass", func(block string) {
			if said := run(block); said != "Added ada (admin).\n" {
				t.Errorf("it says %s", said)
			}
		}},
		{"./daypass user password ada", func(block string) { run(block) }},
		{"./daypass --url https://dash.example.org", func(block string) {
			said, stop := serve(block)
			stopServer = stop
			if !strings.Contains(said.String(), "Daypass is at https://dash.example.org\n") {
				t.Errorf("it says %s", said)
			}
		}},
		{"sqlite3 data/daypass.db", func(block string) { // while it runs
			run(block)
			if info, err := os.Stat(filepath.Join(tree, "data/copy.db")); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("the copy: %v, %v", info, err)
			}
		}},
		{"rm -f data/daypass.db-wal", func(block string) {
			stopServer()
			run(block)
			said, stop := serve("exec ./daypass")
			if !strings.Contains(said.String(), "the database is a copy that was put in place") {
				t.Errorf("it says %s", said)
			}
			stop()
			if users := run("./daypass user list"); !strings.Contains(users, "ada") {
				t.Errorf("the users are %s", users)
			}
		}},
		{"go run . new app acme", func(block string) {
			if hasOwnName(texts) {
				return // a copy makes no copies
			}
			run(block)
			if module, err := os.ReadFile(filepath.Join(tree, "../acme/go.mod")); err != nil || !strings.HasPrefix(string(module), "module example.org/team/acme\n") {
				t.Errorf("%v: %.100s", err, module)
			}
		}},
		{"main.go          ", func(block string) {
			for _, name := range regexp.MustCompile(`(?m)^(?:  └─ |       ├─ |       └─ )?([\w./]+(?:, [\w.]+)*) {2,}`).FindAllStringSubmatch(block, -1) {
				for _, name := range strings.Split(name[1], ", ") {
					_, top := os.Stat(filepath.Join(tree, name))
					if _, below := os.Stat(filepath.Join(tree, "handlers", name)); top != nil && below != nil {
						t.Errorf("there is no %s", name)
					}
				}
			}
		}},
	}
	elsewhere := map[string]string{
		"go run . new view notes":      "TestTheReadmesPageWorks",
		"go run . new view customers":  "TestTheReadmesPageWorks",
		"counts, err := a.db.Count":    "TestTheReadmesPageWorks",
		"go run . serve --dev":         "TestDevRebuildsGoCode",
		"location / {":                 "TestBehindARealProxy",
		"dash.example.org {":           "TestBehindARealProxy",
		"defaults":                     "TestBehindARealProxy",
		"upstream daypass {":           "TestNothingIsLostOrStaleWhateverFails",
		"CREATE ROLE daypass":          "TestTheRecipeForSeveralServers",
		"umask 077":                    "TestTheRecipeForSeveralServers",
		"export DAYPASS_DATABASE":      "TestTheRecipeForSeveralServers", // with several hosts: TestNothingIsLostOrStaleWhateverFails
		"./daypass --node one":         "TestTheRecipeForSeveralServers",
		"./daypass doctor":             "TestTheRecipeForSeveralServers",
		"pg_dump ":                     "TestTheRecipeForSeveralServers",
		"pg_restore ":                  "TestTheRecipeForSeveralServers",
		"./daypass copy":               "TestCookiesStayGoodInACopy",
		"./daypass secret":             "TestS6ANewSecretNeedsNoRestart",
		"./daypass user second-factor": "TestS34TheCommandLineResetsASecondFactor",
		"go test ./...":                "TestCommandsInTheReadmeAndTheTopicsExist",
		"go test -run '^$' -bench":     "TestCommandsInTheReadmeAndTheTopicsExist",
		"go test -run 'S[0-9]+'":       "TestCommandsInTheReadmeAndTheTopicsExist",
		"go test -race -run S12":       "TestCommandsInTheReadmeAndTheTopicsExist",
	}

	blocks := map[string]string{} // files by block
	for file, text := range texts {
		for _, block := range regexp.MustCompile("(?ms)^```\\w*\n(.*?)^```$").FindAllStringSubmatch(text, -1) {
			blocks[block[1]] = file
		}
	}
	if len(blocks) < 15 {
		t.Errorf("only %d blocks were found", len(blocks))
	}
	for _, step := range steps {
		tried := false
		for block := range blocks {
			if strings.HasPrefix(block, step.first) {
				step.try(block)
				tried = true
				delete(blocks, block)
			}
		}
		if !tried {
			t.Errorf("no block begins with %q", step.first)
		}
	}
	for block, file := range blocks {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(elsewhere)), func(first string) bool { return strings.HasPrefix(block, first) }) {
			t.Errorf("%s: no test runs this:\n%s", file, block)
		}
	}
}
