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

// FuzzCodes looks for a code that is accepted and is none, and for a recovery code that
// is compared in two ways.
func FuzzCodes(f *testing.F) {
	for _, seed := range []string{"123456", " 123 456 ", "１２３４５６", "GEZD-GNBV-GY3T-QOJQ-GEZD-GNBV", "gezd gnbv gy3t qojq gezd 8880", "\xff", "ßßßßßßßßßßßßßßßßßßßßßßßß", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		if code, ok := typedCode(typed); ok {
			if again, _ := typedCode(code); len(code) != codeDigits || again != code {
				t.Errorf("%q is the code %q", typed, code)
			}
		}
		if code, ok := typedRecoveryCode(typed); ok {
			if again, _ := typedRecoveryCode(code); len(code) != RecoveryCodeLength || again != code {
				t.Errorf("%q is the recovery code %q", typed, code)
			}
		}
	})
}
