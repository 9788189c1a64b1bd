package models

import (
	"strings"
	"testing"
)

// TestListsOfEventsAreReadFromAnIndex: a page of a long list costs no more than
// one of a short list, and a user's list does not depend on what others did.
func TestListsOfEventsAreReadFromAnIndex(t *testing.T) {
	db := open(t)
	for name, list := range map[string]struct {
		filter EventFilter
		index  string
	}{
		"a user's":            {EventFilter{UserID: "u", Before: "x"}, "(user_id=? AND id<?)"},
		"a user's of a kind":  {EventFilter{UserID: "u", Kind: SignedIn, Before: "x"}, "(user_id=? AND kind=? AND id<?)"},
		"everybody's":         {EventFilter{Before: "x"}, "(id<?)"},
		"all of a kind":       {EventFilter{Kind: SignedIn, Before: "x"}, "(kind=? AND id<?)"},
		"of users of a name":  {EventFilter{Name: "ada", Before: "x"}, "(id<?)"},
		"a name's of a kind":  {EventFilter{Name: "ada", Kind: SignedIn, Before: "x"}, "(kind=? AND id<?)"},
		"the first of a user": {EventFilter{UserID: "u", Kind: SignedIn}, "(user_id=? AND kind=?)"},
	} {
		statement, args := list.filter.statement(50)
		var plan []struct {
			ID, Parent, NotUsed int
			Detail              string
		}
		check(t, db.SQL.Select(&plan, `EXPLAIN QUERY PLAN `+statement, args...))
		var said []string
		for _, step := range plan {
			said = append(said, step.Detail)
		}
		all := strings.Join(said, "\n")
		if !strings.Contains(all, "SEARCH e ") || !strings.Contains(said[0], list.index) || strings.Contains(all, "TEMP B-TREE") || strings.Contains(all, "SCAN") {
			t.Errorf("%s:\n%s", name, all)
		}
	}
}
