package handlers

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"daypass/handlers/scaffold"
)

// TestTheGuideShowsWhatTheCommandWrites runs the command that the guide names, on
// a copy, and looks for each piece of the guide's code in what it wrote.
func TestTheGuideShowsWhatTheCommandWrites(t *testing.T) {
	t.Parallel()
	here, err := scaffold.Open("..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("notes.go"); err == nil {
		t.Skip("the guide's page was added to this checkout")
	}
	folder := t.TempDir()
	if err := here.Copy(folder, nil); err != nil {
		t.Fatal(err)
	}
	guide, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile(`(?m)(?:^//\t.*\n)+`).FindAllString(string(guide), -1)
	if len(blocks) < 5 {
		t.Fatalf("the guide has %d pieces of code", len(blocks))
	}
	command := regexp.MustCompile(`^//\tgo run \. new view (\w+) --table "([^"]+)"\n$`).FindStringSubmatch(blocks[0])
	if command == nil {
		t.Fatalf("the guide's command is %s", blocks[0])
	}
	columns, err := scaffold.ParseColumns(command[2])
	if err != nil {
		t.Fatal(err)
	}
	files, err := scaffold.View{Name: command[1], Columns: columns}.Write(scaffold.Checkout(folder))
	if err != nil {
		t.Fatal(err)
	}
	var written strings.Builder
	for _, file := range append(files.New, files.Changed...) {
		content, err := os.ReadFile(filepath.Join(folder, file))
		if err != nil {
			t.Fatal(err)
		}
		written.Write(content)
	}
	indent := regexp.MustCompile(`(?m)^[\t]+`)
	plain := indent.ReplaceAllString(written.String(), "")
	for _, block := range blocks[1:] {
		code := indent.ReplaceAllString(regexp.MustCompile(`(?m)^//\t`).ReplaceAllString(block, ""), "")
		if !strings.Contains(plain, code) {
			t.Errorf("the command does not write this:\n%s", block)
		}
	}
}
