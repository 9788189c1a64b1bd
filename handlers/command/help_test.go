package command_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"daypass/handlers/sitetest"
)

func TestHelpListsTheTopicsAndShowsEach(t *testing.T) {
	t.Chdir(t.TempDir()) // there is no database
	status, list, errs := sitetest.Typed(t, "", "help")
	if status != 0 || errs != "" || !strings.Contains(list, "daypass --help") {
		t.Fatalf("daypass help: status %d\n%s%s", status, list, errs)
	}
	if _, usage, _ := sitetest.Typed(t, "", "--help"); !strings.Contains(usage, "see: daypass help\n") {
		t.Errorf("daypass --help says\n%s", usage)
	}
	lines := regexp.MustCompile(`(?m)^  (\w+) +(\S.+)$`).FindAllStringSubmatch(list, -1)
	if len(lines) < 9 {
		t.Errorf("%d topics are listed:\n%s", len(lines), list)
	}
	for _, line := range lines {
		status, text, errs := sitetest.Typed(t, "", "help", line[1])
		if status != 0 || errs != "" || !strings.HasPrefix(text, "# "+line[2]+"\n\n") {
			t.Errorf("daypass help %s: status %d\n%.200s%s", line[1], status, text, errs)
		}
	}
	if left, err := os.ReadDir("."); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}

func TestAnUnknownTopicIsAnsweredWithTheList(t *testing.T) {
	t.Parallel()
	for _, unknown := range []string{"nonsense", "../help.go", ""} {
		status, out, errs := sitetest.Typed(t, "", "help", unknown)
		if unknown == "" {
			if status != 0 { // no topic at all
				t.Errorf("status %d", status)
			}
			continue
		}
		if status != 2 || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, "unknown topic "+unknown+", expected one of attacks, benchmarks, ") {
			t.Errorf("daypass help %s: status %d\n%s%s", unknown, status, out, errs)
		}
	}
}

func TestHelpIsThereWhenAVariableIsMisspelt(t *testing.T) {
	t.Setenv("DAYPASS_LISTNE", "x")
	if status, out, errs := sitetest.Typed(t, "", "help", "proxy"); status != 0 || !strings.Contains(out, "nginx") {
		t.Errorf("status %d: %s", status, errs)
	}
}

// TestTopicsFitATerminal: what has to be one line, tables and code, may be longer.
func TestTopicsFitATerminal(t *testing.T) {
	t.Parallel()
	texts := sitetest.Documents(t)
	if hasOwnName(texts) {
		t.Skip("a name of another length makes lines of another length")
	}
	for file, text := range texts {
		if file == "README.md" {
			continue
		}
		prose := regexp.MustCompile("(?ms)^```.*?^```$").ReplaceAllString(text, "")
		for _, line := range strings.Split(prose, "\n") {
			if utf8.RuneCountInString(line) > 80 && !strings.HasPrefix(line, "|") {
				t.Errorf("%s: too wide: %s", file, line)
			}
		}
	}
}
