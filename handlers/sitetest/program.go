package sitetest

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"daypass/handlers/command"
)

// Typed runs a command line as a shell does, and returns what it printed.
func Typed(t *testing.T, input string, args ...string) (status int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	status = command.Run(t.Context(), args, strings.NewReader(input), &o, &e)
	return status, o.String(), e.String()
}

// Program is the product in a process of its own.
type Program struct {
	t       *testing.T
	Process *exec.Cmd
	Out     *LockedBuffer // what it printed
	URL     string        // where it says it is
}

// Launch runs the program in a folder and waits until it says where it is.
func Launch(t *testing.T, folder string, args ...string) *Program {
	t.Helper()
	return LaunchProgram(t, os.Args[0], folder, args...)
}

// LaunchProgram is [Launch] for another binary than that of the test.
func LaunchProgram(t *testing.T, path, folder string, args ...string) *Program {
	t.Helper()
	return launch(t, nil, nil, path, folder, args...)
}

// LaunchAs is [LaunchProgram] as another user of the system.
func LaunchAs(t *testing.T, who *syscall.SysProcAttr, path, folder string, args ...string) *Program {
	t.Helper()
	return launch(t, who, nil, path, folder, args...)
}

// LaunchWith is [Launch] with more variables.
func LaunchWith(t *testing.T, variables []string, folder string, args ...string) *Program {
	t.Helper()
	return launch(t, nil, variables, os.Args[0], folder, args...)
}

func launch(t *testing.T, who *syscall.SysProcAttr, variables []string, path, folder string, args ...string) *Program {
	t.Helper()
	p := &Program{t: t, Out: &LockedBuffer{}}
	p.Process = exec.Command(path, append([]string{"--listen", "127.0.0.1:0"}, args...)...)
	p.Process.Dir, p.Process.SysProcAttr = folder, who
	p.Process.Env = append(append(os.Environ(), "BE_THE_PROGRAM=1"), variables...)
	p.Process.Stdout, p.Process.Stderr = p.Out, p.Out
	Must(t, p.Process.Start())
	t.Cleanup(func() { p.Process.Process.Kill(); p.Process.Wait() })
	for range 500 {
		if found := regexp.MustCompile(` is at (http\S+)\n(?s:.*)listening`).FindStringSubmatch(p.Out.String()); found != nil {
			p.URL = found[1]
			return p
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("the program does not start:\n%s", p.Out)
	return nil
}

// Stop asks the program to end, as a service manager does.
func (p *Program) Stop() {
	p.t.Helper()
	Must(p.t, p.Process.Process.Signal(syscall.SIGTERM))
	if err := p.Process.Wait(); err != nil {
		p.t.Errorf("the program ends with %v:\n%s", err, p.Out)
	}
}

// LaunchWithUser runs the program on a new database, in which ada administers. The
// site knows where it is and its file, and no more.
func LaunchWithUser(t *testing.T, folder string) (*Program, *Site) {
	t.Helper()
	file := filepath.Join(folder, "data/daypass.db")
	if status, _, errs := Typed(t, Password, "user", "add", "ada", "--admin", "--database", file); status != 0 {
		t.Fatal(errs)
	}
	p := Launch(t, folder)
	return p, &Site{T: t, URL: p.URL, File: file}
}

// FreeAddress is one on which nothing listens at the moment.
func FreeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Must(t, err)
	defer listener.Close()
	return listener.Addr().String()
}
