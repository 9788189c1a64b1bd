package handlers

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// callers returns the functions of this module, without its tests, that call a method of
// this name, as "file: function".
func callers(t *testing.T, method string) (found []string) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "sitetest") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		for _, declared := range file.Decls {
			function, ok := declared.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(function, func(node ast.Node) bool {
				if call, ok := node.(*ast.CallExpr); ok {
					if called, ok := call.Fun.(*ast.SelectorExpr); ok && called.Sel.Name == method {
						found = append(found, filepath.ToSlash(path)+": "+function.Name.Name)
					}
				}
				return true
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// TestS17AllSignInsEndInOneFunction: whatever proves who somebody is ends in one function, and no
// handler makes a session by itself. A line is added here on purpose.
func TestS17AllSignInsEndInOneFunction(t *testing.T) {
	t.Parallel()
	for method, want := range map[string][]string{
		"AddSession":   {"../handlers/session/manager.go: SignIn"},
		"SignIn":       {"../handlers/sign_in.go: startSession"},
		"startSession": {"../handlers/sign_in.go: finishSignIn", "../handlers/sign_in.go: signIn"},
		"signIn":       {"../handlers/login.go: login", "../handlers/passkey.go: signInWithPasskey", "../handlers/set_password.go: setPassword", "../handlers/setup.go: setUp"},
	} {
		if got := callers(t, method); !slices.Equal(got, want) {
			t.Errorf("%s is called by %q, not by %q", method, got, want)
		}
	}
}
