package command

import (
	"embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"strings"

	"golang.org/x/term"
)

// topics are the help topics: NAME.md, whose heading is its line in the list.
//
//go:embed help/*.md
var topics embed.FS

type helpCommand struct {
	Topic string `arg:"" optional:"" help:"The topic, as the list names it."`
}

// Run shows a topic, or lists the topics.
func (h *helpCommand) Run(at console) error {
	names, err := topicNames()
	if err != nil {
		return err
	}
	if h.Topic == "" {
		fmt.Fprint(at.out, "Topics, shown by daypass help TOPIC:\n\n")
		var rows [][]string
		for _, name := range names {
			text, err := topic(name)
			if err != nil {
				return err
			}
			heading, _, _ := strings.Cut(strings.TrimPrefix(text, "# "), "\n")
			rows = append(rows, []string{"  " + name, heading})
		}
		if err := at.printTable(rows); err != nil {
			return err
		}
		_, err = fmt.Fprint(at.out, "\nCommands and flags are in daypass --help.\n")
		return err
	}
	text, err := topic(h.Topic)
	if err != nil {
		return usageError{fmt.Errorf("unknown topic %s, expected one of %s", h.Topic, strings.Join(names, ", "))}
	}
	return at.page(text)
}

// topicNames lists the topics from A to Z.
func topicNames() ([]string, error) {
	files, err := topics.ReadDir("help")
	var names []string
	for _, file := range files {
		names = append(names, strings.TrimSuffix(file.Name(), ".md"))
	}
	return names, err
}

func topic(name string) (string, error) {
	text, err := topics.ReadFile(path.Join("help", name+".md"))
	return string(text), err
}

// page shows a text through $PAGER or less on a terminal, and prints it
// anywhere else, or when there is no pager.
func (at console) page(text string) error {
	file, ok := at.out.(*os.File)
	if ok && term.IsTerminal(int(file.Fd())) {
		pager := strings.TrimSpace(os.Getenv("PAGER"))
		if pager == "" {
			pager = "less"
		}
		if _, err := exec.LookPath(strings.Fields(pager)[0]); err == nil {
			show := exec.Command("sh", "-c", pager) // as man does: it may have arguments
			show.Stdin, show.Stdout, show.Stderr = strings.NewReader(text), at.out, at.err
			if _, set := os.LookupEnv("LESS"); !set {
				show.Env = append(os.Environ(), "LESS=FRX") // a short topic needs no key to leave it
			}
			return show.Run()
		}
	}
	_, err := io.WriteString(at.out, text)
	return err
}
