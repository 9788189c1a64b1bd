package scaffold

import (
	"os"
	"strings"
	"testing"

	"daypass/public"
)

// TestIconsAreAddedByName: at their place from A to Z, once, and drawn as the
// present ones are; and what is vendored is in no binary.
func TestIconsAreAddedByName(t *testing.T) {
	t.Parallel()
	checkout := copied(t)
	before, err := checkout.read(sprite)
	if err != nil {
		t.Fatal(err)
	}
	content := strings.Split(string(before), "\n")
	for i, line := range content { // one that is there is taken out, and put back by its name
		if strings.HasPrefix(line, symbolTag+`monitor"`) {
			content = append(content[:i:i], content[i+1:]...)
			break
		}
	}
	if err := os.WriteFile(checkout.path(sprite), []byte(strings.Join(content, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := AddIcons(checkout, "monitor"); err != nil {
		t.Fatal(err)
	}
	if after, err := checkout.read(sprite); err != nil || string(after) != string(before) {
		t.Errorf("%v\n%s", err, after)
	}
	if files, err := AddIcons(checkout, "truck", "banknote", "users"); err != nil || len(files.Changed) != 1 {
		t.Fatal(files, err)
	}
	added, err := checkout.read(sprite)
	if err != nil || strings.Count(string(added), symbolTag) != strings.Count(string(before), symbolTag)+2 {
		t.Errorf("%v\n%s", err, added)
	}
	if files, err := AddIcons(checkout, "truck"); err != nil || len(files.Changed) != 0 {
		t.Errorf("it is added again: %v, %v", files, err)
	}
	for name, said := range map[string]string{
		"cart":    `no icon of Lucide is called "cart"; for that word it has shopping-cart`,
		"money":   "and others: see https://lucide.dev/icons",
		"zzz":     "look for its name at https://lucide.dev/icons",
		"":        "look for its name",
		`x" id="`: "look for its name",
	} {
		if _, err := AddIcons(checkout, name); err == nil || !strings.Contains(err.Error(), said) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if all, err := checkout.drawings(); err != nil || len(all) < 1900 {
		t.Errorf("%d icons are vendored: %v", len(all), err)
	}
	if _, err := public.FS.Open("lucide.tsv.gz"); err == nil {
		t.Error("all of Lucide is in the binary")
	}
}
