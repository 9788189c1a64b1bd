package password

import (
	"bufio"
	"compress/gzip"
	_ "embed"
	"math"
	"math/bits"
	"slices"
	"strings"
	"time"
	"unicode"
)

// words holds the lists of zxcvbn (words.LICENSE.txt), each in order of rank, one word per
// line, with an empty line after each list: passwords, English words, women's names,
// surnames, words of films, men's names. TestTheListsOfWords makes the file. It stays
// compressed and is read for each judgement, which takes some 10 ms: a map of the 94,000
// words would take 7 MB as long as the server runs, and 35 ms of each start.
//
//go:embed words.txt.gz
var words string

// strengthLength is how many characters are examined: the beginning says enough about the
// strength, and findWord has 64 bits.
const strengthLength = 48

// kind is what parts of a password are, as far as whyEasy says it.
type kind uint8

const (
	ownName kind = 1 << iota
	commonPassword
	repetition
	walk // along the alphabet, the numbers or the keyboard
)

// cover is the cheapest way that was found to guess a part of a password.
type cover struct {
	guesses float64 // their logarithm to the base of 2
	kinds   kind
}

// judgement is a password, and how each part of it is guessed.
type judgement struct {
	text, lower []rune
	letters     map[rune]uint64                               // where each letter may be read, a bit per position
	best        [strengthLength + 1][strengthLength + 1]cover // from a position, to before another one
}

// cheapest returns how a password is guessed: its beginning is covered with words, names,
// sequences, walks, dates and repetitions, and with single characters elsewhere, in
// whichever way takes the fewest guesses. The idea and the numbers are zxcvbn's (Wheeler,
// "Low-Budget Password Strength Estimation", USENIX Security 2016), which accepts whatever
// has more than two parts; here, each further part multiplies the guesses by its own and by 2.
func cheapest(password []rune, names []string) cover {
	j := &judgement{text: password[:min(len(password), strengthLength)], letters: map[rune]uint64{}}
	for i, letter := range j.text {
		j.lower = append(j.lower, unicode.ToLower(letter))
		for _, read := range string(j.lower[i]) + leet[j.lower[i]] {
			j.letters[read] |= 1 << i
		}
		for end := i + 1; end <= len(j.text); end++ {
			j.best[i][end].guesses = float64(end-i) * math.Log2(10)
		}
	}
	for i, name := range names {
		j.findWord(strings.ToLower(string(normalize(name))), i+1, ownName)
	}
	j.findWords()
	j.findSequences()
	for _, keyboard := range keyboards {
		j.findWalks(strings.Split(keyboard, "\n"))
	}
	j.findDates(time.Now().Year())
	return j.combine()
}

// found notes a way to guess the part from i to end.
func (j *judgement) found(i, end int, guesses float64, kinds kind) {
	if guesses = math.Log2(guesses); guesses < j.best[i][end].guesses {
		j.best[i][end] = cover{guesses, kinds}
	}
}

// combine returns the cheapest cover of the whole, made of those of its parts.
func (j *judgement) combine() cover {
	besideOthers := func(part cover, length int) float64 { // what is tried first takes its time, too
		return max(part.guesses, math.Log2(float64(min(10+40*(length-1), 50))))
	}
	for length := 2; length <= len(j.text); length++ {
		for i, end := 0, length; end <= len(j.text); i, end = i+1, end+1 {
			best := &j.best[i][end]
			for block := 1; block <= length/2; block++ {
				once := j.best[i][i+block]
				if guesses := once.guesses + math.Log2(float64(length/block)); guesses < best.guesses &&
					slices.Equal(j.text[i:end-block], j.text[i+block:end]) {
					*best = cover{guesses, once.kinds | repetition}
				}
			}
			for middle := i + 1; middle < end; middle++ {
				left, right := j.best[i][middle], j.best[middle][end]
				if guesses := besideOthers(left, middle-i) + besideOthers(right, end-middle) + 1; guesses < best.guesses {
					*best = cover{guesses, left.kinds | right.kinds}
				}
			}
		}
	}
	return j.best[0][len(j.text)]
}

// findWords finds the words of the lists.
func (j *judgement) findWords() {
	list, err := gzip.NewReader(strings.NewReader(words))
	if err != nil {
		panic("words.txt.gz: " + err.Error())
	}
	rank, kinds := 0, commonPassword
	for lines := bufio.NewScanner(list); lines.Scan(); {
		if len(lines.Bytes()) == 0 {
			rank, kinds = 0, 0
			continue
		}
		rank++
		j.findWord(string(lines.Bytes()), rank, kinds)
	}
}

// leet holds the letters that a symbol may stand for.
var leet = map[rune]string{'4': "a", '@': "a", '8': "b", '(': "c", '{': "c", '[': "c", '<': "c", '3': "e", '6': "g", '9': "g",
	'1': "il", '!': "i", '|': "il", '7': "lt", '0': "o", '$': "s", '5': "s", '+': "t", '%': "x", '2': "z"}

// findWord finds a word, also backwards and with symbols for letters, at all positions at
// once: a bit of ends is set where the letters read so far end, one of starts where they
// start backwards.
func (j *judgement) findWord(word string, rank int, kinds kind) {
	ends, starts := ^uint64(0), ^uint64(0)
	for _, letter := range word {
		at := j.letters[letter]
		ends, starts = ends&at<<1, starts>>1&at
		if ends|starts == 0 {
			return
		}
	}
	letters := []rune(word)
	for ; ends != 0; ends &= ends - 1 {
		end := bits.TrailingZeros64(ends)
		j.found(end-len(letters), end, float64(rank)*j.spellings(end-len(letters), letters), kinds)
	}
	slices.Reverse(letters)
	for ; starts != 0; starts &= starts - 1 {
		i := bits.TrailingZeros64(starts)
		j.found(i, i+len(letters), 2*float64(rank)*j.spellings(i, letters), kinds)
	}
}

// spellings returns how many ways to write a word are tried before the one at i: twice as
// many with each other symbol.
func (j *judgement) spellings(i int, word []rune) float64 {
	end := i + len(word)
	ways := capitals(j.text[i:end], j.lower[i:end])
	for at, letter := range word {
		if symbol := j.lower[i+at]; symbol != letter && !slices.Contains(j.lower[i:i+at], symbol) {
			ways *= 2
		}
	}
	return ways
}

// capitals returns how many ways to press Shift are tried before that of text: nowhere,
// then everywhere or once at an end, then so many times anywhere.
func capitals(text, plain []rune) float64 {
	shifted, lower, last := 0, 0, len(text)-1
	for i, letter := range text {
		if letter != plain[i] {
			shifted++
		} else if unicode.IsLower(letter) {
			lower++
		}
	}
	switch {
	case shifted == 0:
		return 1
	case lower == 0, shifted == 1 && (text[0] != plain[0] || text[last] != plain[last]):
		return 2
	}
	return choose(shifted+lower, shifted)
}

// choose returns how many ways there are to choose k of n.
func choose(n, k int) float64 {
	ways := 1.0
	for i := range k {
		ways *= float64(n-i) / float64(i+1)
	}
	return ways
}
