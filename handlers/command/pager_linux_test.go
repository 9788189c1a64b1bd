package command_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"daypass/handlers/command"
)

// terminal returns both ends of a new one.
func terminal(t *testing.T) (mine, program *os.File) {
	t.Helper()
	mine, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mine.Close() })
	if err := unix.IoctlSetPointerInt(int(mine.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(mine.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprint("/dev/pts/", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return mine, program
}

func TestOnATerminalATopicGoesThroughThePager(t *testing.T) {
	folder := t.TempDir()
	less := "#!/bin/sh\nexec sed \"s/^/less $LESS: /\"\n" // the real one waits for a key
	if err := os.WriteFile(filepath.Join(folder, "less"), []byte(less), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", folder+":"+os.Getenv("PATH"))
	t.Setenv("LESS", "") // so that it is as before when the test is over
	os.Unsetenv("LESS")
	for pager, first := range map[string]string{
		"sed 's/^/paged: /'": "paged: # Failed sign-ins",
		"no-such-pager":      "# Failed sign-ins",
		"  ":                 "less FRX: # Failed sign-ins",
	} {
		t.Setenv("PAGER", pager)
		mine, program := terminal(t)
		read := make(chan string)
		go func() { // a terminal holds little that nobody reads
			var said strings.Builder
			buffer := make([]byte, 4096)
			for {
				n, err := mine.Read(buffer)
				said.Write(buffer[:n])
				if err != nil { // the other end was closed
					read <- said.String()
					return
				}
			}
		}()
		if status := command.Run(t.Context(), []string{"help", "throttle"}, program, program, program); status != 0 {
			t.Errorf("%q: status %d", pager, status)
		}
		program.Close()
		if said := <-read; !strings.HasPrefix(said, first) || !strings.Contains(said, "a few seconds.\r\n") {
			t.Errorf("%q: it shows %.200q", pager, said)
		}
	}
}
