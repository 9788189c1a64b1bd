package database

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestAskersShareTheNextQuery, however the one before it ends. Only of a database that is
// late nothing is asked for them: they have waited long enough.
func TestAskersShareTheNextQuery(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]struct {
		first   func() error
		says    string // to the first; empty: nothing is wrong
		queries string // in the end
	}{
		"answered": {func() error { return nil }, "", "ada; bob eve"},
		"broken":   {func() error { return errors.New("broken") }, "broken", "ada; bob eve"},
		"late":     {func() error { return context.DeadlineExceeded }, "deadline", "ada"},
		"panics":   {func() error { panic("a mistake") }, "a mistake", "ada; bob eve"},
	} {
		var queries []string
		began, goOn := make(chan struct{}), make(chan struct{})
		v := &versions{read: func(_ context.Context, users []string) (map[string]int64, error) {
			queries = append(queries, strings.Join(slices.Sorted(slices.Values(users)), " "))
			found := map[string]int64{"ada": 1, "bob": 2}
			if len(queries) > 1 {
				return found, nil
			}
			close(began)
			<-goOn
			return found, end.first()
		}}
		answers := make(map[string]chan error)
		ask := func(user string, want int64) {
			answer := make(chan error, 1)
			answers[user] = answer
			go func() {
				version, err := v.of(t.Context(), user)
				if err == nil && version != want {
					err = errors.New("another version")
				}
				answer <- err
			}()
		}
		ask("ada", 1)
		<-began
		ask("bob", 2)
		ask("eve", 0)
		for waiting := 0; waiting < 2; time.Sleep(time.Millisecond) {
			v.Lock()
			if v.next != nil {
				waiting = len(v.next.users)
			}
			v.Unlock()
		}
		close(goOn)
		if err := <-answers["ada"]; (err == nil) != (end.says == "") || err != nil && !strings.Contains(err.Error(), end.says) {
			t.Errorf("%s: the first gets %v", name, err)
		}
		late := end.queries == "ada"
		if err := <-answers["bob"]; late != errors.Is(err, context.DeadlineExceeded) || !late && err != nil {
			t.Errorf("%s: one who waits gets %v", name, err)
		}
		if err := <-answers["eve"]; late != errors.Is(err, context.DeadlineExceeded) || !late && !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: one who is no user gets %v", name, err)
		}
		if asked := strings.Join(queries, "; "); asked != end.queries {
			t.Errorf("%s: the queries are for %s", name, asked)
		}
		if version, err := v.of(t.Context(), "bob"); err != nil || version != 2 {
			t.Errorf("%s: afterwards the version is %d, %v", name, version, err)
		}
	}
}
