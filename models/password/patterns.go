package password

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// findSequences finds characters at equal distances, such as "cdef" or "97531".
func (j *judgement) findSequences() {
	for i, first := range j.text {
		starts := 26.0
		if strings.ContainsRune("aAzZ019", first) {
			starts = 4
		} else if unicode.IsDigit(first) {
			starts = 10
		}
		for end := i + 2; end <= len(j.text); end++ {
			step := j.text[end-1] - j.text[end-2]
			if step != j.text[i+1]-first || step == 0 || max(step, -step) > 5 {
				break
			}
			guesses := starts * float64(end-i)
			if step < 0 {
				guesses *= 2
			}
			j.found(i, end, guesses, walk)
		}
	}
}

// keyboards holds the rows of keyboards (American, German, French, Dvorak, Russian) and
// number pads without Shift, and the digits of the German one with it.
var keyboards = []string{
	"`1234567890-=\n qwertyuiop[]\\\n asdfghjkl;'\n zxcvbnm,./",
	"^1234567890ß´\n qwertzuiopü+\n asdfghjklöä#\n yxcvbnm,.-",
	"²&é\"'(-è_çà)=\n azertyuiop^$\n qsdfghjklmù*\n wxcvbn,;:!",
	"`1234567890[]\n ',.pyfgcrl/=\\\n aoeuidhtns-\n ;qjkxbmwvz",
	"ё1234567890-=\n йцукенгшщзхъ\n фывапролджэ\n ячсмитьбю.",
	" /*-\n789+\n456\n123\n 0.", " =/*\n789-\n456+\n123\n 0.", "°!\"§$%&/()=?",
}

// What Shift makes of the keys of the American keyboard.
const (
	unshifted = "`1234567890-=[]\\;',./"
	shifted   = "~!@#$%^&*()_+{}|:\"<>?"
)

// findWalks finds where each key is beside the one before it.
func (j *judgement) findWalks(rows []string) {
	type key struct{ x, y int }
	keys := map[rune]key{}
	for y, row := range rows {
		for x, letter := range []rune(row) {
			keys[letter] = key{x, y}
		}
	}
	delete(keys, ' ')
	plain := slices.Clone(j.lower)
	for i, letter := range plain {
		if _, known := keys[letter]; !known && strings.ContainsRune(shifted, letter) {
			plain[i] = rune(unshifted[strings.IndexRune(shifted, letter)])
		}
	}
	for i := range plain {
		turns, before := 0, key{}
		for end := i + 2; end <= len(plain); end++ {
			from, known := keys[plain[end-2]]
			to, too := keys[plain[end-1]]
			step := key{to.x - from.x, to.y - from.y}
			if !known || !too || step == (key{}) || max(step.x, -step.x, step.y, -step.y) > 1 {
				break
			}
			if step != before {
				turns, before = turns+1, step
			}
			// Where to start, when to turn, and to which of 4.6 keys on average.
			guesses := float64(len(keys)) * choose(end-i-1, turns) * math.Pow(4.6, float64(turns))
			j.found(i, end, guesses*capitals(j.text[i:end], plain[i:end]), walk)
		}
	}
}

// findDates finds years, and days in any order, with or without separators.
func (j *judgement) findDates(now int) {
	number := func(i, end int) int {
		n, err := strconv.ParseUint(string(j.text[i:end]), 10, 16)
		if err != nil {
			return -1
		}
		return int(n)
	}
	years := func(year int) float64 { // the further away, the later it is guessed
		switch {
		case year < 0, year > 99 && year < 1000, year > 2050:
			return math.Inf(1)
		case year <= 50:
			year += 2000
		case year <= 99:
			year += 1900
		}
		return float64(max(year-now, now-year, 20))
	}
	days := func(a, b int) float64 {
		if min(a, b) < 0 || min(a, b) > 12 || max(a, b) > 31 {
			return math.Inf(1)
		}
		return 365
	}
	for i := range j.text {
		if end := i + 4; end <= len(j.text) && number(i, end) >= 1900 {
			j.found(i, end, years(number(i, end)), 0)
		}
		for lengths := range 2 * 4 * 2 * 4 { // of the separator and of three numbers
			gap := lengths % 2
			a := i + 1 + lengths/2%4
			b := a + gap + 1 + lengths/8%2
			end := b + gap + 1 + lengths/16
			if end > len(j.text) || gap == 1 && (j.text[a] != j.text[b] || !strings.ContainsRune(" /\\_.-", j.text[a])) {
				continue
			}
			x, y, z := number(i, a), number(a+gap, b), number(b+gap, end)
			j.found(i, end, min(years(z)*days(x, y), years(x)*days(y, z))*float64(1+3*gap), 0)
		}
	}
}
