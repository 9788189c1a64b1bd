package command

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Under --dev in a checkout of the source, two processes run. This one holds the
// listening socket and never accepts: it watches the Go code, builds it when it has
// changed, and restarts the server. While no server runs, browsers wait in the
// queue of the socket. What can't be built is shown in the browser by the server
// that still runs.

// devVariable tells a process that it is such a server, and what it needs to know.
const devVariable = "SERVE_DEV"

// The files that the server inherits, by descriptor.
const (
	devListener = 3
	devParent   = 4 // ends when the other process does
)

// devServer is what the server is told by the other process.
type devServer struct {
	problem string // file with what could not be built; empty or missing: all is well
	again   bool   // it was started before; the terminal knows its address
}

// devServerOf returns what this process was told, if it is such a server.
func devServerOf() (*devServer, bool) {
	told, found := os.LookupEnv(devVariable)
	values, err := url.ParseQuery(told)
	if !found || err != nil {
		return nil, false
	}
	return &devServer{problem: values.Get("problem"), again: values.Get("again") != ""}, true
}

func (d *devServer) variable() string {
	values := url.Values{"problem": {d.problem}}
	if d.again {
		values.Set("again", "yes")
	}
	return devVariable + "=" + values.Encode()
}

// listen returns the socket, and a context that ends with the other process, too.
func (d *devServer) listen(ctx context.Context) (net.Listener, context.Context, error) {
	ctx, cancel := context.WithCancel(ctx)
	parent := os.NewFile(devParent, "parent")
	go func() {
		io.Copy(io.Discard, parent)
		cancel()
	}()
	listener, err := net.FileListener(os.NewFile(devListener, "listener"))
	return listener, ctx, err
}

// canRebuild tells whether a folder has the source of the program, and Go can build it.
func canRebuild(folder string) bool {
	for _, file := range []string{"go.mod", "main.go"} {
		if _, err := os.Stat(filepath.Join(folder, file)); err != nil {
			return false
		}
	}
	_, err := exec.LookPath("go")
	return err == nil && canInherit
}

// developer builds the program and runs servers.
type developer struct {
	at       console
	folder   string // of the source
	temp     string
	listener *os.File
	server   devServer
	binary   string // the last one that served
	running  *exec.Cmd
	ended    chan error // of the running server
	said     *tail      // its last lines
	lifeline *os.File   // closed at the end, by the system if need be
	others   *os.File   // the server's end of it
}

// develop runs servers of the code as it is, until ctx ends.
func develop(ctx context.Context, at console, folder string, listener net.Listener) (err error) {
	d := &developer{at: at, folder: folder}
	if d.temp, err = os.MkdirTemp("", "serve-dev"); err != nil {
		return err
	}
	defer os.RemoveAll(d.temp)
	d.server.problem = filepath.Join(d.temp, "problem")
	inherited, ok := listener.(interface{ File() (*os.File, error) })
	if !ok {
		return errors.New("the listening socket can't be handed on")
	}
	if d.listener, err = inherited.File(); err != nil {
		return err
	}
	defer d.listener.Close()
	if d.others, d.lifeline, err = os.Pipe(); err != nil {
		return err
	}
	defer d.lifeline.Close()
	defer d.others.Close()
	if d.binary, err = os.Executable(); err != nil {
		return err
	}
	state, err := d.source()
	if err != nil {
		return err
	}
	if err := d.start(d.binary); err != nil {
		return err
	}
	defer d.stop()
	ticker := time.NewTicker(devInterval)
	defer ticker.Stop()
	changing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-d.ended:
			d.running = nil
			if !d.server.again && !d.said.listens() {
				return failedError{err} // it has said why
			}
			d.tell("The server ended. It starts again when the code changes.\n")
			continue
		case <-ticker.C:
		}
		now, err := d.source()
		if err != nil || now != state { // or a file has gone meanwhile: look again
			state, changing = now, true
			continue
		}
		if !changing { // since the last look
			continue
		}
		changing = false
		if err := d.rebuild(ctx); err != nil {
			return err
		}
	}
}

// devInterval is how often the source is looked at. It is built once it has not changed
// for as long.
const devInterval = 300 * time.Millisecond

// source is a text that changes when a file does that the program is built from.
// Templates and assets are read from the disk anyway.
func (d *developer) source() (string, error) {
	hash := sha256.New()
	root := os.DirFS(d.folder)
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name != "." && strings.HasPrefix(entry.Name(), ".") || name == "data" || entry.Name() == "testdata" {
				return fs.SkipDir
			}
			return nil
		}
		extension := path.Ext(name)
		embedded := strings.HasPrefix(name, "handlers/") || strings.HasPrefix(name, "models/")
		if strings.HasSuffix(name, "_test.go") || !slices.Contains([]string{".go", ".mod", ".sum"}, extension) && !(embedded && slices.Contains([]string{".sql", ".tmpl", ".md", ".html"}, extension)) {
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		fmt.Fprintln(hash, name, info.Size(), info.ModTime())
		return nil
	})
	return string(hash.Sum(nil)), err
}

// rebuild builds the program and starts it in the place of the running server. When that
// fails, the last one that served shows why.
func (d *developer) rebuild(ctx context.Context) error {
	began := time.Now()
	fmt.Fprint(d.at.out, "  Go code has changed: building… ")
	made := filepath.Join(d.temp, fmt.Sprintf("server-%d", began.UnixNano()))
	build := exec.CommandContext(ctx, "go", "build", "-o", made, ".")
	build.Dir = d.folder
	said, err := build.CombinedOutput()
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		fmt.Fprintf(d.at.out, "it can't be built.\n\n%s\n", said)
		d.tell(string(said))
		if d.running == nil {
			return d.start(d.binary)
		}
		return nil
	}
	fmt.Fprintf(d.at.out, "done in %.1f s.\n", time.Since(began).Seconds())
	d.tell("")
	d.stop()
	d.server.again = true
	if err := d.start(made); err != nil {
		return err
	}
	select {
	case <-d.ended: // it failed at its start
		d.running = nil
		os.Remove(made)
		d.tell("The server ends at its start:\n" + d.said.String())
		return d.start(d.binary)
	case <-d.said.listening:
		if filepath.Dir(d.binary) == d.temp {
			os.Remove(d.binary) // each has some 30 MB
		}
		d.binary = made
	case <-ctx.Done():
	}
	return nil
}

// tell leaves what is wrong for the server, which shows it; or nothing.
func (d *developer) tell(problem string) {
	if err := os.WriteFile(d.server.problem, []byte(problem), 0o600); err != nil {
		d.at.log.Error("the browser can't show what is wrong", "error", err)
	}
}

// start starts a server.
func (d *developer) start(binary string) error {
	d.said = &tail{to: d.at.err, listening: make(chan struct{})}
	d.running = exec.Command(binary, d.at.args...)
	d.running.Env = append(os.Environ(), d.server.variable())
	d.running.Stdout, d.running.Stderr = d.at.out, d.said
	d.running.ExtraFiles = []*os.File{d.listener, d.others}
	d.running.SysProcAttr = ownGroup() // Ctrl-C is for this process, which ends that one
	if err := d.running.Start(); err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	ended := make(chan error, 1)
	d.ended = ended
	go func(server *exec.Cmd) { ended <- server.Wait() }(d.running)
	return nil
}

// stop ends the running server. Requests under way have a little time.
func (d *developer) stop() {
	if d.running == nil {
		return
	}
	terminate(d.running.Process)
	select {
	case <-d.ended:
	case <-time.After(devStop):
		d.running.Process.Kill()
		<-d.ended
	}
	d.running = nil
}

// devStop is how long a server may take to end.
const devStop = 3 * time.Second

// tail passes on what a server says, and keeps the last of it.
type tail struct {
	to        io.Writer
	last      []byte
	listening chan struct{} // closed when it says that it listens
}

func (t *tail) Write(text []byte) (int, error) {
	t.last = append(t.last, text...)
	if bytes.Contains(t.last, []byte("listening")) && !t.listens() {
		close(t.listening)
	}
	if len(t.last) > 8<<10 {
		t.last = t.last[len(t.last)-4<<10:]
	}
	return t.to.Write(text)
}

// listens tells whether the server has said so.
func (t *tail) listens() bool {
	select {
	case <-t.listening:
		return true
	default:
		return false
	}
}

func (t *tail) String() string { return string(t.last) }

// failedError is about a command that has said itself why it failed.
type failedError struct{ error }
