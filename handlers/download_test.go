package handlers

import "testing"

// TestDownloadsAreCounted: two for each user, ten in all, and users whose files are
// written leave nothing behind.
func TestDownloadsAreCounted(t *testing.T) {
	t.Parallel()
	var d downloads
	var running []func()
	for _, user := range []string{"a", "b", "c", "d", "e"} {
		for range maxDownloadsPerUser {
			done, ok := d.begin(user)
			if !ok {
				t.Fatalf("%s can't begin", user)
			}
			running = append(running, done)
		}
		if _, ok := d.begin(user); ok {
			t.Errorf("%s begins one too many", user)
		}
	}
	if _, ok := d.begin("f"); ok {
		t.Error("an eleventh begins")
	}
	running[0]()
	if _, ok := d.begin("b"); ok {
		t.Error("b takes the place of a")
	}
	if done, ok := d.begin("a"); !ok {
		t.Error("the place of a written file is not free")
	} else {
		done()
	}
	for _, done := range running[1:] {
		done()
	}
	if d.all != 0 || len(d.ofUser) != 0 {
		t.Errorf("%d files of %d users are left", d.all, len(d.ofUser))
	}
}
