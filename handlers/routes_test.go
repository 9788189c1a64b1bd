package handlers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestAWrongTableOfRoutesIsRefused(t *testing.T) {
	t.Parallel()
	for what, table := range map[string]struct {
		routes []route
		said   string
	}{
		"no rule":                 {[]route{{method: "GET", path: "/report"}}, "GET /report has no access rule"},
		"twice":                   {[]route{page("/x", Anyone, nil), page("/x", Members, nil)}, "GET /x and GET /x are the same address"},
		"twice, but for the name": {[]route{post("/x/:id", Members, nil), post("/x/:name", Members, nil)}, "POST /x/:id and POST /x/:name are the same address"},
	} {
		if err := checkRoutes(table.routes); err == nil || !strings.Contains(err.Error(), table.said) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := checkRoutes([]route{page("/x/new", Anyone, nil), page("/x/:id", Anyone, nil), post("/x/new", Anyone, nil)}); err != nil {
		t.Error(err)
	}
}

func TestTheOrderOfRoutesMeansNothing(t *testing.T) {
	t.Parallel()
	table := []route{page("/x/:id", Anyone, nil), page("/:any", Anyone, nil), page("/x/new", Anyone, nil), page("/x/:id/y", Anyone, nil), page("/x/new/z", Anyone, nil)}
	want := fmt.Sprint(paths(bySpecificity(table)))
	slices.Reverse(table)
	if got := fmt.Sprint(paths(bySpecificity(table))); got != want || !strings.Contains(got, "/x/new /x/new/z /x/:id /x/:id/y /:any") {
		t.Errorf("%s, or %s", want, got)
	}
}

func paths(routes []route) (paths []string) {
	for _, route := range routes {
		paths = append(paths, route.path)
	}
	return paths
}
