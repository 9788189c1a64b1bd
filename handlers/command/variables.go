package command

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Variables are all that the environment may set, by name.
func Variables(model *kong.Application) map[string]string {
	known := map[string]string{secretVariable: "Secrets that sign cookies, newest first, separated by commas; instead of the secret file."}
	var visit func(*kong.Node)
	visit = func(node *kong.Node) {
		for _, flag := range node.Flags {
			for _, name := range flag.Envs {
				known[name] = flag.Help
			}
		}
		for _, child := range node.Children {
			visit(child)
		}
	}
	visit(model.Node)
	return known
}

// unknownVariables returns an error about a variable that is most likely a known
// one misspelt: what it should have set would silently not be. Others that begin
// with DAYPASS_ it lists: the environment may have them for reasons of its own, as
// Kubernetes sets DAYPASS_PORT and more for a service of that name.
func unknownVariables(model *kong.Application, environment []string) (unknown []string, misspelt error) {
	known := Variables(model)
	for _, variable := range environment {
		name, _, _ := strings.Cut(variable, "=")
		if _, ok := known[name]; ok || !strings.HasPrefix(name, variablePrefix) {
			continue
		}
		unknown = append(unknown, name)
		for _, meant := range slices.Sorted(maps.Keys(known)) {
			if word := strings.TrimPrefix(meant, variablePrefix); misspelling(strings.TrimPrefix(name, variablePrefix), word) {
				misspelt = fmt.Errorf("unknown variable %s; did you mean %s?", name, meant)
				break
			}
		}
	}
	return unknown, misspelt
}

// misspelling tells whether one word can have been typed for another: not more
// than every third letter is wrong, missing or too much, and three at most.
func misspelling(typed, word string) bool {
	return distance(strings.ToUpper(typed), word) <= min(3, max(1, len(word)/3))
}

// distance is how many letters have to be added, removed or replaced to make one
// word of another (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal, row[j+1] = row[j+1], min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
