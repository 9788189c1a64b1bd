package models

import (
	"fmt"
	"strings"
	"testing"
)

func TestAmountsAreReadAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"12.5": "12.50", "12,50": "12.50", "1 234.50": "1,234.50", "1\u202f234,50": "1,234.50", "1,234.50": "1,234.50", "1.234,50": "1,234.50",
		"1'234.50": "1,234.50", "1’234’567": "1,234,567.00", "1,234,567": "1,234,567.00", "1.234.567,8": "1,234,567.80", "0": "0.00", "007": "7.00",
		".5": "0.50", "5.": "5.00", " -12 ": "-12.00", "\u22120,01": "-0.01", "€ 12,50": "12.50", "-$3": "-3.00", "12.50 €": "12.50", "1234": "1,234.00",
		"999999999999.99": "999,999,999,999.99",
	} {
		refused, amount := ValidationError{}, Money{Typed: typed}
		if refused.Money("total", &amount); len(refused) > 0 || amount.String() != want || amount.Typed != strings.ReplaceAll(want, ",", "") {
			t.Errorf("%q is read as %s: %v", typed, amount, refused)
		}
		again := Money{Typed: amount.String()} // what a page shows can be typed
		if refused.Money("total", &again); again != amount {
			t.Errorf("%s is read as %s: %v", amount, again, refused)
		}
	}
	for typed, want := range map[string]string{
		"": "Required.", "  ": "Required.", "€": "Required.",
		"1,234":   "This can be read in two ways. If you mean thousands, write 1234.",
		"-12.345": "This can be read in two ways. If you mean thousands, write 12345.",
		"x":       "This is not an amount such as 1234.50.", "1e3": "This is not an amount such as 1234.50.", "--1": "This is not an amount such as 1234.50.",
		"1,23,456": "This is not an amount such as 1234.50.", "1 23": "This is not an amount such as 1234.50.", "1.234.56": "This is not an amount such as 1234.50.",
		"1,234 567": "This is not an amount such as 1234.50.", ".": "This is not an amount such as 1234.50.",
		"12.3456": "Use at most two digits after the point.", "0.125": "Use at most two digits after the point.", "1234.567": "Use at most two digits after the point.",
		"1000000000000": "Use at most 999,999,999,999.99.", "99999999999999999999": "Use at most 999,999,999,999.99.",
	} {
		refused, amount := ValidationError{}, Money{Typed: typed}
		if refused.Money("total", &amount); refused["total"] != want || amount.Typed != typed {
			t.Errorf("%q: %s, and the form shows %q", typed, refused["total"], amount.Typed)
		}
	}
}

func FuzzMoney(f *testing.F) {
	for _, seed := range []string{"12.5", "1 234,50", "-€1", "1,234", "1'000"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		refused, amount := ValidationError{}, Money{Typed: typed}
		if refused.Money("x", &amount); len(refused) > 0 {
			return
		}
		again := Money{Typed: fmt.Sprint(amount)}
		if refused.Money("x", &again); len(refused) > 0 || again != amount {
			t.Errorf("%q is %s, which is read as %s: %v", typed, amount, again, refused)
		}
	})
}
