package models

import (
	"database/sql/driver"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/dustin/go-humanize"
)

// Money is an amount. The database holds whole minor units, such as cents, since
// fractions in binary can't hold most amounts. A form fills in Typed, and
// [ValidationError.Money] makes Minor of it.
type Money struct {
	Minor int64  // hundredths
	Typed string // what a form shows: the amount, or what was refused
}

func newMoney(minor int64) Money {
	m := Money{Minor: minor}
	m.Typed = strings.ReplaceAll(m.String(), ",", "")
	return m
}

// Scan reads minor units from the database.
func (m *Money) Scan(value any) error {
	minor, ok := value.(int64)
	if !ok {
		return fmt.Errorf("an amount of money is stored as %T", value)
	}
	*m = newMoney(minor)
	return nil
}

// Value is what the database stores.
func (m Money) Value() (driver.Value, error) { return m.Minor, nil }

// String is the amount as English text has it: 1,234.50.
func (m Money) String() string {
	sign, minor := "", uint64(m.Minor)
	if m.Minor < 0 {
		sign, minor = "-", -minor
	}
	return fmt.Sprintf("%s%s.%02d", sign, humanize.Comma(int64(minor/100)), minor%100)
}

// Money refuses what is no amount of money, is larger than MaxMoney, or could mean two
// amounts. The point and the comma both may be before the cents; the thousands may
// be apart by the other one, a space or an apostrophe. A sign of a currency before or
// behind the amount is ignored.
func (e ValidationError) Money(field string, amount *Money) {
	minor, complaint := parseMoney(amount.Typed)
	if complaint != "" {
		e[field] = complaint
		return
	}
	*amount = newMoney(minor)
}

var (
	plainAmount = regexp.MustCompile(`^(\d+)(?:[.,](\d*))?$|^()[.,](\d+)$`)
	// groupedAmounts have thousands apart by one sign, and cents behind another one.
	groupedAmounts = []*regexp.Regexp{
		regexp.MustCompile(`^([1-9]\d{0,2}(?: \d{3})+)(?:[.,](\d*))?$`),
		regexp.MustCompile(`^([1-9]\d{0,2}(?:,\d{3})+)(?:\.(\d*))?$`),
		regexp.MustCompile(`^([1-9]\d{0,2}(?:\.\d{3})+)(?:,(\d*))?$`),
	}
	twoMeanings = regexp.MustCompile(`^[1-9]\d{0,2}[.,]\d{3}$`)
)

func parseMoney(typed string) (minor int64, complaint string) {
	text := strings.TrimFunc(typed, func(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Sc, r) })
	negative := false
	for _, sign := range []string{"-", "\u2212"} { // the minus of typographers
		if rest, ok := strings.CutPrefix(text, sign); ok {
			text, negative = rest, true
		}
	}
	text = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Zs, r) || r == '\'' || r == '\u2019' { // Switzerland writes 1'234.50
			return ' '
		}
		return r
	}, strings.TrimLeftFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Sc, r) }))
	whole, cents, found := splitAmount(text)
	switch {
	case text == "":
		return 0, "Required."
	case twoMeanings.MatchString(text):
		digits := strings.NewReplacer(".", "", ",", "").Replace(text)
		return 0, "This can be read in two ways. If you mean thousands, write " + digits + "."
	case !found:
		return 0, "This is not an amount such as 1234.50."
	case len(cents) > 2:
		return 0, "Use at most two digits after the point."
	}
	minor, err := strconv.ParseInt(whole+(cents + "00")[:2], 10, 64)
	if err != nil || minor > MaxMoney {
		return 0, "Use at most " + Money{Minor: MaxMoney}.String() + "."
	}
	if negative {
		minor = -minor
	}
	return minor, ""
}

// splitAmount returns the digits before and after the point.
func splitAmount(text string) (whole, cents string, found bool) {
	if parts := plainAmount.FindStringSubmatch(text); parts != nil {
		return parts[1] + parts[3], parts[2] + parts[4], true
	}
	for _, grouped := range groupedAmounts {
		if parts := grouped.FindStringSubmatch(text); parts != nil {
			return strings.NewReplacer(" ", "", ",", "", ".", "").Replace(parts[1]), parts[2], true
		}
	}
	return "", "", false
}
