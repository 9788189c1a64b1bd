package models

import "testing"

func TestWatchersOfOneSessionAreToldOfItsEnd(t *testing.T) {
	t.Parallel()
	w := newWatchers()
	mine, other := &Session{ID: "mine", User: User{ID: "ada"}}, &Session{ID: "other", User: User{ID: "ada"}}
	first, stop, ok := w.add(mine)
	second, _, _ := w.add(mine)
	others, _, _ := w.add(other)
	if !ok || len(w.watched()) != 2 {
		t.Fatalf("watched are %q", w.watched())
	}
	w.notify("mine")
	for _, ended := range []<-chan struct{}{first, second} {
		select {
		case <-ended:
		default:
			t.Error("a watcher was not told")
		}
	}
	select {
	case <-others:
		t.Error("the watcher of another session was told")
	default:
	}
	if stop(); w.ofUser["ada"] != 2 {
		t.Errorf("%d are counted", w.ofUser["ada"])
	}
}

func TestWatchersAreBoundedBySessionAndUser(t *testing.T) {
	t.Parallel()
	w := newWatchers()
	var stops []func()
	for i := range MaxWatchersPerUser {
		_, stop, ok := w.add(&Session{ID: string(rune('a' + i/MaxWatchers)), User: User{ID: "ada"}})
		if !ok {
			t.Fatalf("watcher %d is refused", i+1)
		}
		stops = append(stops, stop)
	}
	if _, _, ok := w.add(&Session{ID: "a", User: User{ID: "eve"}}); ok {
		t.Error("one session has too many watchers")
	}
	_, first, ok := w.add(&Session{ID: "new", User: User{ID: "ada"}})
	if !ok {
		t.Error("a session has no watcher at all because others have many")
	}
	if _, _, ok := w.add(&Session{ID: "new", User: User{ID: "ada"}}); ok {
		t.Error("one user has too many watchers")
	}
	first()
	stops[0]()
	for range 2 {
		if _, _, ok := w.add(&Session{ID: "new", User: User{ID: "ada"}}); !ok {
			t.Error("a watcher that stopped still counts")
		}
		stops[1]()
		stops = stops[1:]
	}
	for _, stop := range stops[1:] {
		stop()
	}
	if len(w.watched()) != 1 || w.ofUser["ada"] != 2 {
		t.Errorf("left are %q, %d of ada", w.watched(), w.ofUser["ada"])
	}
}
