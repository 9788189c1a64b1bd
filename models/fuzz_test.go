package models

import (
	"testing"
	"unicode/utf8"
)

// FuzzUsername looks for a name whose two forms do not belong together.
func FuzzUsername(f *testing.F) {
	for _, seed := range []string{"ada", "ADA", "Zoe\u0308", "ｆｕｌｌ", "\u202e", "ß", "İ", "ΑΣ", "שרה", "\xff", "a\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		shown, compared, ok := Username(typed)
		if !ok {
			return
		}
		if _, again, ok := Username(shown); !ok || again != compared {
			t.Errorf("%q is shown as %q and then compared as %q, not %q", typed, shown, again, compared)
		}
		if !utf8.ValidString(shown) || shown == "" || utf8.RuneCountInString(shown) > MaxUsername {
			t.Errorf("%q is shown as %q", typed, shown)
		}
	})
}
