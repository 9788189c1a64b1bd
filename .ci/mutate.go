//go:build ignore

// This program is described in .ci/mutate.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// guarding are the files whose lines decide who may do what.
var guarding = []string{
	"handlers/*.go", "handlers/session/*.go", "handlers/web/*.go", "handlers/cache/*.go",
	"models/*.go", "models/database/*.go", "models/password/*.go",
}

// mutant is one changed line.
type mutant struct {
	file       string
	line       int
	begin, end int // bytes of the file that are replaced
	text       string
	what       string
	state      string // killed, survived, equivalent or does not compile
	source     string // the line as it was
	by         string // the tests that noticed
}

func (m *mutant) String() string {
	return fmt.Sprintf("%s:%d: %s: %s", m.file, m.line, m.what, m.source)
}

func main() {
	count := flag.Int("count", 60, "how many changes to try; 0 for all")
	seed := flag.Int64("seed", 1, "of the sample")
	files := flag.String("files", "", "files to change, separated by commas, instead of those that guard")
	list := flag.Bool("list", false, "print the sample and try nothing")
	workers := flag.Int("workers", 2, "how many to try at once")
	limit := flag.Duration("timeout", 10*time.Minute, "for the tests of one change; a change that hangs counts as noticed")
	short := flag.Bool("short", false, "try no long tests: the score is at least what this says")
	least := flag.Float64("least", 0.95, "the score below which this fails")
	flag.Parse()

	patterns := guarding
	if *files != "" {
		patterns = strings.Split(*files, ",")
	}
	var all []*mutant
	for _, pattern := range patterns {
		found, err := filepath.Glob(pattern)
		check(err)
		if len(found) == 0 {
			check(fmt.Errorf("%s names no file", pattern))
		}
		for _, file := range found {
			if !strings.HasSuffix(file, "_test.go") {
				all = append(all, mutantsOf(file)...)
			}
		}
	}
	rand.New(rand.NewSource(*seed)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	fmt.Printf("%d changes are possible", len(all))
	if *count > 0 && *count < len(all) {
		all = all[:*count]
	}
	fmt.Printf(", %d are tried\n", len(all))
	if *list {
		for _, m := range all {
			fmt.Println(m)
		}
		return
	}

	if output, err := exec.Command("go", "test", "-short", "./...").CombinedOutput(); err != nil {
		check(fmt.Errorf("the tests fail without any change:\n%s", output))
	}
	same, _ := os.ReadFile(".ci/equivalent.txt")
	work := make(chan *mutant)
	var group sync.WaitGroup
	var printing sync.Mutex
	for range *workers {
		group.Go(func() {
			for m := range work {
				if strings.Contains(string(same), m.file+": "+m.what+": "+m.source+"\n") {
					m.state = "equivalent"
				} else {
					m.state = try(m, *limit, *short)
				}
				printing.Lock()
				fmt.Printf("%-16s %s %s\n", m.state, m, m.by)
				printing.Unlock()
			}
		})
	}
	for _, m := range all {
		work <- m
	}
	close(work)
	group.Wait()

	counts := map[string]int{}
	for _, m := range all {
		counts[m.state]++
	}
	score := float64(counts["killed"]) / float64(max(1, counts["killed"]+counts["survived"]))
	fmt.Printf("\nnoticed %d, not noticed %d, equivalent %d, not compiled %d: score %.2f\n", counts["killed"], counts["survived"], counts["equivalent"], counts["does not compile"], score)
	if score < *least {
		os.Exit(1)
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

// failed finds the tests that failed in the output of go test.
var failed = regexp.MustCompile(`(?m)^--- FAIL: (\w+)`)

// try runs the tests on a change: the short ones of its package first, then all
// short ones, and at last the long ones. Tests that fail are run once more by themselves.
func try(m *mutant, limit time.Duration, short bool) string {
	folder, err := os.MkdirTemp("", "mutant-")
	check(err)
	defer os.RemoveAll(folder)
	source, err := os.ReadFile(m.file)
	check(err)
	changed := filepath.Join(folder, "changed.go")
	check(os.WriteFile(changed, slices.Concat(source[:m.begin], []byte(m.text), source[m.end:]), 0o600))
	original, err := filepath.Abs(m.file)
	check(err)
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{original: changed}})
	check(err)
	overlayFile := filepath.Join(folder, "overlay.json")
	check(os.WriteFile(overlayFile, overlay, 0o600))

	run := func(args ...string) (string, error) {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		command := exec.CommandContext(ctx, "go", args...)
		command.WaitDelay = time.Second
		output, err := command.CombinedOutput()
		return string(output), err
	}
	if _, err := run("build", "-overlay", overlayFile, "./..."); err != nil {
		return "does not compile"
	}
	own := "./" + filepath.ToSlash(filepath.Dir(m.file))
	tests := [][]string{{"-short", own}, {"-short", "."}, {"-short", "./handlers/...", "./models/..."}}
	if !short {
		tests = append(tests, []string{"./..."})
	}
	for _, packages := range tests {
		output, err := run(append([]string{"test", "-vet=off", "-failfast", "-overlay", overlayFile}, packages...)...)
		if err == nil {
			continue
		}
		var names []string
		for _, found := range failed.FindAllStringSubmatch(output, -1) {
			names = append(names, found[1])
		}
		// A test may have failed because the machine is busy: then it passes by itself.
		if len(names) > 0 {
			only := "^(" + strings.Join(names, "|") + ")$"
			if _, err := run(append([]string{"test", "-vet=off", "-run", only, "-overlay", overlayFile}, packages...)...); err == nil {
				continue
			}
		}
		m.by = strings.Join(names, " ")
		return "killed"
	}
	return "survived"
}

// mutantsOf lists the changes that can be made to a file.
func mutantsOf(file string) (all []*mutant) {
	source, err := os.ReadFile(file)
	check(err)
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, source, parser.ParseComments)
	check(err)
	lines := strings.Split(string(source), "\n")
	add := func(begin, end token.Pos, text, what string) {
		at := set.Position(begin)
		all = append(all, &mutant{
			file: file, line: at.Line, begin: at.Offset, end: set.Position(end).Offset, text: text, what: what, source: strings.TrimSpace(lines[at.Line-1]),
		})
	}
	text := func(node ast.Node) string {
		return string(source[set.Position(node.Pos()).Offset:set.Position(node.End()).Offset])
	}
	ast.Inspect(parsed, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.IfStmt:
			if !isError(text(node.Cond)) {
				add(node.Cond.Pos(), node.Cond.End(), "!("+text(node.Cond)+")", "condition negated")
			}
		case *ast.BinaryExpr:
			if other, ok := swapped[node.Op]; ok && !isError(text(node)) {
				add(node.OpPos, node.OpPos+token.Pos(len(node.Op.String())), other, node.Op.String()+" is "+other)
			}
		case *ast.ExprStmt:
			add(node.Pos(), node.End(), "", "statement dropped")
		case *ast.AssignStmt:
			if _, member := node.Lhs[0].(*ast.SelectorExpr); member && node.Tok == token.ASSIGN && len(node.Lhs) == 1 {
				add(node.Pos(), node.End(), "", "assignment dropped")
			}
		case *ast.KeyValueExpr:
			if ident, ok := node.Value.(*ast.Ident); ok && (ident.Name == "true" || ident.Name == "false") {
				add(ident.Pos(), ident.End(), map[string]string{"true": "false", "false": "true"}[ident.Name], "flag turned")
			}
		case *ast.BasicLit:
			switch node.Kind {
			case token.INT, token.FLOAT:
				if node.Value != "0" && node.Value != "1" {
					add(node.Pos(), node.End(), node.Value+"*1000", "a thousand times as much")
				}
			case token.STRING:
				for _, change := range sqlChanges(node.Value) {
					add(node.Pos(), node.End(), change.text, change.what)
				}
				if policy.MatchString(node.Value) {
					add(node.Pos(), node.End(), node.Value[:1]+node.Value[:1], "text emptied")
				}
			}
		}
		return true
	})
	return all
}

// isError tells a condition that only asks whether something failed: what
// happens then is told by the tests of faults.
func isError(condition string) bool {
	return strings.HasPrefix(condition, "err ") || strings.Contains(condition, "; err != nil")
}

var swapped = map[token.Token]string{
	token.LSS: ">=", token.LEQ: "<", token.GTR: "<=", token.GEQ: ">", token.EQL: "!=", token.NEQ: "==", token.LAND: "||", token.LOR: "&&",
}

// policy finds the texts of security headers and cookies.
var policy = regexp.MustCompile(`^["\x60](default-src|connect-src|nosniff|DENY|same-origin|camera=|no-store|max-age=|"cache")`)

type change struct{ text, what string }

var (
	sqlAnd     = regexp.MustCompile(`\sAND\s+[^()]*?(\s+AND\s|\s+ORDER\s|\s+LIMIT\s|[)\x60"]|$)`)
	sqlNot     = regexp.MustCompile(`\bNOT (disabled|u\.disabled|EXISTS)`)
	sqlCompare = regexp.MustCompile(`(expires|last|at|seen|created) (>|<=) `)
)

// sqlChanges weakens what a statement asks of a row.
func sqlChanges(text string) (all []change) {
	if !regexp.MustCompile(`\b(SELECT|UPDATE|DELETE|INSERT|AND|WHERE|NOT disabled|expires)\b`).MatchString(text) || !bytes.ContainsAny([]byte(text), "$`") {
		return nil
	}
	if at := sqlAnd.FindStringSubmatchIndex(text); at != nil && !strings.Contains(text[at[0]:at[1]], "$") {
		all = append(all, change{text[:at[0]] + text[at[2]:], "SQL: a condition less"})
	}
	if at := sqlNot.FindStringIndex(text); at != nil {
		all = append(all, change{text[:at[0]] + text[at[0]+len("NOT "):], "SQL: NOT is gone"})
	}
	if at := sqlCompare.FindStringSubmatchIndex(text); at != nil {
		other := map[string]string{">": "<=", "<=": ">"}[text[at[4]:at[5]]]
		all = append(all, change{text[:at[4]] + other + text[at[5]:], "SQL: the other way round"})
	}
	// A condition with a parameter: the parameter stays, so that all have their places.
	for _, at := range regexp.MustCompile(`\b((?:[a-z]+\.)?[a-z_]+) = (\$\d+)`).FindAllStringSubmatchIndex(text, -1) {
		if before := strings.ToUpper(text[:at[0]]); strings.Contains(before, "WHERE") && !strings.HasSuffix(strings.TrimSpace(before), "SET") {
			parameter := text[at[4]:at[5]]
			all = append(all, change{text[:at[0]] + "(" + parameter + " = " + parameter + ")" + text[at[1]:], "SQL: any row"})
		}
	}
	return all
}
