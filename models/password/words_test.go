package password

import (
	"bytes"
	"compress/gzip"
	"flag"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// zxcvbnLists is the file frequency/lists.go of github.com/trustelem/zxcvbn v1.0.1, which
// holds the lists of zxcvbn. TestTheListsOfWords makes words.txt.gz of it:
//
//	go mod download -json github.com/trustelem/zxcvbn@v1.0.1
//	go test -run TheListsOfWords ./models/password -zxcvbn-lists …/frequency/lists.go
var zxcvbnLists = flag.String("zxcvbn-lists", "", "file of which words.txt.gz is made")

func TestTheListsOfWords(t *testing.T) {
	t.Parallel()
	if *zxcvbnLists != "" {
		check(t, os.WriteFile("words.txt.gz", compressedLists(t, *zxcvbnLists), 0o644))
		t.Skip("words.txt.gz is written; build again to test it")
	}
	packed, err := gzip.NewReader(strings.NewReader(words))
	check(t, err)
	plain, err := io.ReadAll(packed)
	check(t, err)
	var firsts []string
	count := 0
	for list := range strings.SplitSeq(strings.TrimSuffix(string(plain), "\n\n"), "\n\n") {
		ranked := strings.Split(list, "\n")
		count += len(ranked)
		firsts = append(firsts, ranked[0])
		for _, word := range ranked {
			if word != strings.ToLower(word) || strings.ContainsAny(word, " \r\t") {
				t.Errorf("the word %q is found in no password", word)
			}
		}
	}
	if want := []string{"123456", "the", "mary", "smith", "you", "james"}; !slices.Equal(firsts, want) || count != 93855 {
		t.Errorf("%d words in lists that begin with %q", count, firsts)
	}
}

// compressedLists returns the lists of a file with lines such as
//
//	"passwords": {"123456", "password", …},
func compressedLists(t *testing.T, file string) []byte {
	t.Helper()
	source, err := os.ReadFile(file)
	check(t, err)
	var packed bytes.Buffer
	to, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	check(t, err)
	literal := regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	for line := range strings.Lines(string(source)) {
		if !strings.Contains(line, `{"`) {
			continue
		}
		for _, quoted := range literal.FindAllString(line, -1)[1:] {
			word, err := strconv.Unquote(quoted)
			check(t, err)
			io.WriteString(to, word+"\n")
		}
		io.WriteString(to, "\n")
	}
	check(t, to.Close())
	return packed.Bytes()
}
