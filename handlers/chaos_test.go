package handlers_test

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"daypass/handlers/sitetest"
	"daypass/models"
	"daypass/models/database/databasetest"
)

var chaos = flag.Duration("chaos", 30*time.Second, "how long TestNothingIsLostOrStaleWhateverFails disturbs the servers")

// TestNothingIsLostOrStaleWhateverFails: people sign in, rename themselves and sign out
// through nginx at three servers on PostgreSQL, and every answer of every server is
// checked against all the others, while servers are killed and restarted, one is cut off
// from the database, the database crashes, and its standby takes its place. The history
// of each session and of each name has to be linearizable.
func TestNothingIsLostOrStaleWhateverFails(t *testing.T) {
	if testing.Short() {
		t.Skip("it disturbs servers for " + chaos.String())
	}
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		missing := "this test needs nginx; install it, such as with: apt-get install nginx-light"
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	c := newCluster(t, nginx)
	c.invite()

	var living sync.WaitGroup
	done := make(chan struct{})
	for i := range people {
		living.Go(func() { c.live(i, done) })
	}
	began := time.Now()
	for round := 0; round == 0 || time.Since(began) < *chaos; round++ {
		c.killAServer(round)
		c.stopAServer(round + 1)
		c.crashTheDatabase()
		c.cutAServerOff()
		if round == 0 {
			c.promoteTheStandby()
		}
	}
	close(done)
	living.Wait()
	c.askForAllSessions()
	c.judge()
}

// cluster is three servers behind nginx, and a database with a standby.
type cluster struct {
	t        *testing.T
	folder   string
	public   string // nginx
	host     string // what browsers call it
	servers  [3]*sitetest.Program
	ports    [3]string
	database [3]string // the address that each server is told
	primary  *databasetest.Server
	standby  *databasetest.Server
	line     *line // between the last server and the database

	rounds   atomic.Int64 // of sign-in, rename and sign-out that people have finished
	mutex    sync.Mutex
	history  []porcupine.Operation
	failures []failure
	periods  []period
	counts   map[string]int
	sessions []string // all there ever were, by cookie
}

// failure is a request to nginx that was not answered as it should.
type failure struct {
	began, ended time.Time
	what         string
}

// period is a time in which something fails on purpose.
type period struct {
	name       string
	began, end time.Time
}

func newCluster(t *testing.T, nginx string) *cluster {
	c := &cluster{t: t, folder: t.TempDir(), counts: map[string]int{}}
	durable := []string{"fsync=on", "full_page_writes=on", "synchronous_commit=on"}
	var err error
	c.primary, err = databasetest.Create(append(durable, "synchronous_standby_names=*")...)
	missing(t, err)
	t.Cleanup(c.primary.Stop)
	// Without a standby no change would be acknowledged, not even that of a superuser.
	sitetest.Must(t, c.primary.Start())
	c.standby, err = c.primary.Standby(durable...)
	sitetest.Must(t, err)
	t.Cleanup(c.standby.Stop)
	sitetest.Must(t, c.standby.Start())

	c.line = newLine(t, c.primary.Socket(), c.standby.Socket())
	address := func(folders ...string) string {
		return "postgres:///postgres?" + url.Values{"host": {strings.Join(folders, ",")}, "user": {"test"}}.Encode()
	}
	c.database = [3]string{address(c.primary.Socket(), c.standby.Socket()), address(c.primary.Socket(), c.standby.Socket()), address(c.line.folders...)}
	front := sitetest.FreeAddress(t)
	c.public, c.host = "http://"+front, front
	for i := range c.servers {
		c.ports[i] = sitetest.FreeAddress(t)
		c.start(i)
	}

	topic := sitetest.Documents(t)["handlers/command/help/machines.md"]
	upstream, location := sitetest.Block(t, topic, "upstream daypass {"), sitetest.Block(t, topic, "location / {")
	for i, port := range c.ports {
		shown := fmt.Sprintf("127.0.0.1:%d", 3001+i)
		if !strings.Contains(upstream, shown) {
			t.Fatalf("the topic does not show %s:\n%s", shown, upstream)
		}
		upstream = strings.ReplaceAll(upstream, shown, port)
	}
	// The name that a browser asks for has a port here, which $host leaves out.
	config := strings.NewReplacer("FRONT", front, "FOLDER", c.folder).Replace(`
		worker_processes 1; master_process off; daemon off; pid FOLDER/pid; error_log stderr;
		events {}
		http {
			access_log off;
			client_body_temp_path FOLDER/a; proxy_temp_path FOLDER/b; fastcgi_temp_path FOLDER/c; uwsgi_temp_path FOLDER/d; scgi_temp_path FOLDER/e;
			` + upstream + `
			server { listen FRONT; ` + strings.ReplaceAll(location, "$host", "$http_host") + ` }
		}`)
	file := filepath.Join(c.folder, "nginx.conf")
	sitetest.Must(t, os.WriteFile(file, []byte(config), 0o600))
	process := exec.Command(nginx, "-c", file)
	sitetest.Must(t, process.Start())
	t.Cleanup(func() { process.Process.Kill(); process.Wait() })
	c.waitUntil("nginx answers", func() bool { return c.get(c.public, "/healthz", "").status == 200 })
	c.failures = nil // of the time before
	return c
}

func missing(t *testing.T, err error) {
	t.Helper()
	if err != nil && errors.Is(err, databasetest.ErrMissing) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	sitetest.Must(t, err)
}

func (c *cluster) start(i int) {
	c.t.Helper()
	c.servers[i] = sitetest.LaunchWith(c.t, []string{"DAYPASS_DATABASE=" + c.database[i]}, c.folder,
		"--listen", c.ports[i], "--url", c.public, "--trusted-proxy", "127.0.0.1/32", "--drain", "1s")
}

// people is how many use the site at once.
const people = 6

// mostKept is how many sessions each of them leaves open: far fewer than would end the
// oldest, also with those whose sign-in was not answered.
const mostKept = models.MaxSessions / 10

func nameOf(person int) string { return fmt.Sprintf("person%d", person) }

// invite adds everybody as a user.
func (c *cluster) invite() {
	c.t.Setenv("DAYPASS_DATABASE", c.database[0])
	for i := range people {
		if status, _, errs := sitetest.Typed(c.t, sitetest.Password, "user", "add", nameOf(i)); status != 0 {
			c.t.Fatal(errs)
		}
	}
}

// waitUntil asks again and again, for a minute at most.
func (c *cluster) waitUntil(what string, happened func() bool) {
	c.t.Helper()
	for began := time.Now(); !happened(); time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			c.t.Fatalf("within a minute it doesn't happen that %s", what)
		}
	}
}

// carryOn waits until people have finished so many rounds more.
func (c *cluster) carryOn(rounds int64) {
	c.t.Helper()
	until := c.rounds.Load() + rounds
	c.waitUntil("people carry on", func() bool { return c.rounds.Load() >= until })
}

// during takes note of the time in which something fails on purpose.
func (c *cluster) during(name string, does func()) {
	c.t.Helper()
	p := period{name: name, began: time.Now()}
	does()
	p.end = time.Now()
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.periods = append(c.periods, p)
	c.t.Logf("%s: %s", p.name, p.end.Sub(p.began).Round(time.Millisecond))
}

func (c *cluster) killAServer(round int) {
	i := round % len(c.servers)
	c.during("a server is killed", func() {
		c.servers[i].Process.Process.Kill()
		c.servers[i].Process.Wait()
		c.carryOn(6)
	})
	c.start(i)
	c.carryOn(6)
}

func (c *cluster) stopAServer(round int) {
	i := round % len(c.servers)
	c.during("a server is stopped", func() {
		sitetest.Must(c.t, c.servers[i].Process.Process.Signal(syscall.SIGTERM))
		if err := c.servers[i].Process.Wait(); err != nil {
			c.t.Errorf("a server ends with %v:\n%s", err, c.servers[i].Out)
		}
		c.carryOn(6)
		c.start(i)
		c.carryOn(6)
	})
}

func (c *cluster) crashTheDatabase() {
	c.during("the database crashes", func() {
		c.primary.Crash()
		sitetest.Must(c.t, c.primary.Start())
		accepts := time.Now()
		c.waitUntil("the site is back", c.eachIsReady)
		c.t.Logf("%s after the database accepts connections, all servers answer", time.Since(accepts).Round(time.Millisecond))
	})
	c.carryOn(6)
}

func (c *cluster) cutAServerOff() {
	c.during("a server is cut off from the database", func() {
		c.line.cut()
		c.waitUntil("that server says so", func() bool { return c.get("http://"+c.ports[2], "/healthz", "").status == 503 })
		c.carryOn(2)
		c.line.mend()
		c.waitUntil("that server is back", c.eachIsReady)
	})
	c.carryOn(6)
}

func (c *cluster) promoteTheStandby() {
	c.during("the standby takes over", func() {
		c.primary.Crash() // nothing is left of it that could answer
		sitetest.Must(c.t, c.standby.Promote())
		accepts := time.Now()
		c.primary = c.standby
		c.waitUntil("the site is back", c.eachIsReady)
		c.t.Logf("%s after the standby was promoted, all servers answer", time.Since(accepts).Round(time.Millisecond))
	})
	c.carryOn(6)
}

func (c *cluster) eachIsReady() bool {
	return !slices.ContainsFunc(c.ports[:], func(port string) bool { return c.get("http://"+port, "/healthz", "").status != 200 })
}

// reply is an answer, or the lack of one.
type reply struct {
	status         int // zero: there is none
	location, body string
	cookie         string
	began, ended   time.Time
}

var client = &http.Client{
	Timeout:       20 * time.Second,
	Transport:     &http.Transport{MaxIdleConnsPerHost: 16},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func (c *cluster) get(base, path, cookie string) reply { return c.send("GET", base, path, cookie, nil) }

func (c *cluster) send(method, base, path, cookie string, form url.Values) (r reply) {
	request, err := http.NewRequest(method, base+path, strings.NewReader(form.Encode()))
	if err != nil {
		c.t.Error(err)
		return r
	}
	request.Host = c.host
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if cookie != "" {
		request.Header.Set("Cookie", "daypass="+cookie)
	}
	r.began = time.Now()
	defer func() { r.ended = time.Now() }()
	response, err := client.Do(request)
	if err != nil {
		c.failed(base, r.began, err.Error())
		return r
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		c.failed(base, r.began, err.Error())
		return r
	}
	r.status, r.location, r.body = response.StatusCode, response.Header.Get("Location"), string(body)
	for _, set := range response.Cookies() {
		if set.Name == "daypass" {
			r.cookie = set.Value
		}
	}
	if r.status >= 500 {
		c.failed(base, r.began, fmt.Sprintf("%s %s: %d", method, path, r.status))
		if r.cookie != "" {
			c.t.Errorf("%s %s: %d with a cookie", method, path, r.status)
		}
		if base != c.public && r.status != 503 {
			c.t.Errorf("a server answers %s %s with %d:\n%s", method, path, r.status, r.body)
		}
	}
	return r
}

func (c *cluster) failed(base string, began time.Time, what string) {
	if base != c.public {
		return
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.failures = append(c.failures, failure{began, time.Now(), what})
}

// What is done with a session or a name.
type (
	act   struct{ key, does, value string }
	shows string // "" when nobody knows
)

// add adds to the history; what may or may not have happened never ends.
func (c *cluster) add(a act, r reply, shown shows, certain bool) {
	returned := r.ended.UnixNano()
	if !certain {
		returned = math.MaxInt64
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.counts[a.does]++
	c.history = append(c.history, porcupine.Operation{ClientId: len(c.history), Input: a, Call: r.began.UnixNano(), Output: shown, Return: returned})
}

func (c *cluster) everywhere() []string {
	all := []string{c.public}
	for _, port := range c.ports {
		all = append(all, "http://"+port)
	}
	return all
}

// live signs in, changes the name and signs out, again and again, and looks each time at
// what every server says.
func (c *cluster) live(person int, done <-chan struct{}) {
	name, dice := nameOf(person), rand.New(rand.NewPCG(uint64(person), 1))
	var kept []string
	for n := 0; ; n++ {
		select {
		case <-done:
			return
		default:
		}
		in := c.send("POST", c.public, "/login", "", url.Values{"username": {name}, "password": {sitetest.Password}})
		if in.status != http.StatusSeeOther || in.cookie == "" {
			if in.status != 0 && in.status < 500 {
				c.t.Errorf("a sign-in is answered with %d:\n%s", in.status, in.body)
				return
			}
			continue
		}
		c.add(act{in.cookie, "sign in", ""}, in, "", true)
		c.mutex.Lock()
		c.sessions = append(c.sessions, in.cookie)
		c.mutex.Unlock()

		called := fmt.Sprintf("%s %d", name, n)
		renamed := c.send("POST", c.public, "/account/name", in.cookie, url.Values{"full_name": {called}})
		c.add(act{name, "rename", called}, renamed, "", renamed.status == http.StatusSeeOther)
		for _, base := range c.everywhere() {
			c.look(base, name, in.cookie)
		}
		leaves := in.cookie
		if dice.IntN(3) == 0 {
			leaves, kept = "", append(kept, in.cookie)
			if len(kept) > mostKept {
				leaves, kept = kept[0], kept[1:]
			}
		}
		if leaves != "" {
			out := c.send("POST", c.public, "/logout", leaves, url.Values{})
			c.add(act{leaves, "sign out", ""}, out, "", out.status == http.StatusSeeOther)
			for _, base := range c.everywhere() {
				c.look(base, name, leaves)
			}
		}
		c.rounds.Add(1)
	}
}

var nameField = regexp.MustCompile(`name="full_name"[^>]* value="([^"]*)"`)

// look asks for a page with a cookie, and writes down what it says of the session and of
// its user.
func (c *cluster) look(base, name, cookie string) {
	r := c.get(base, "/account", cookie)
	switch {
	case r.status == http.StatusOK:
		c.add(act{cookie, "look", ""}, r, "open", true)
		shown := ""
		if found := nameField.FindStringSubmatch(r.body); found != nil {
			shown = found[1]
		}
		c.add(act{name, "read", ""}, r, shows(shown), true)
	case r.status == http.StatusSeeOther:
		c.add(act{cookie, "look", ""}, r, "over", true)
	case r.status == 0 || r.status >= 500: // it says nothing
	default:
		c.t.Errorf("the page of the account is answered with %d", r.status)
	}
}

// askForAllSessions asks every server for every session that there ever was.
func (c *cluster) askForAllSessions() {
	for _, cookie := range c.sessions {
		for _, base := range c.everywhere() {
			shown := shows("over")
			r := c.get(base, "/dashboard", cookie)
			if r.status == http.StatusOK {
				shown = "open"
			} else if r.status != http.StatusSeeOther {
				c.t.Errorf("at the end a server answers with %d", r.status)
			}
			c.add(act{cookie, "look", ""}, r, shown, true)
		}
	}
}

// history of one key: a session, which is "", "open" or "over", or a name.
var oneAfterTheOther = porcupine.Model{
	Partition: func(history []porcupine.Operation) (parts [][]porcupine.Operation) {
		byKey := map[string][]porcupine.Operation{}
		for _, operation := range history {
			key := operation.Input.(act).key
			byKey[key] = append(byKey[key], operation)
		}
		return slices.Collect(maps.Values(byKey))
	},
	Init: func() any { return "" },
	Step: func(state, input, output any) (bool, any) {
		switch a, shown := input.(act), string(output.(shows)); a.does {
		case "sign in":
			return state == "", "open"
		case "sign out":
			return true, "over"
		case "look":
			return shown == state, state
		case "rename":
			return true, a.value
		default: // read
			return shown == state, state
		}
	},
}

// judge says what the history shows, and which requests failed that should not have.
func (c *cluster) judge() {
	result, info := porcupine.CheckOperationsVerbose(oneAfterTheOther, c.history, time.Minute)
	if result != porcupine.Ok {
		file := filepath.Join(os.TempDir(), "daypass-history.html")
		porcupine.VisualizePath(oneAfterTheOther, info, file)
		c.t.Errorf("what was acknowledged is lost, or what is shown is stale (%s): see %s", result, file)
	}
	kills := 0
	for _, p := range c.periods {
		if p.name == "a server is killed" {
			kills++
		}
	}
	expected := map[string]int{
		"a server is killed":                    kills * people, // one each, which that server had begun to answer
		"a server is stopped":                   0,
		"the database crashes":                  math.MaxInt,
		"a server is cut off from the database": math.MaxInt,
		"the standby takes over":                math.MaxInt,
		"nothing is disturbed":                  0,
	}
	byPeriod := map[string][]string{}
	for _, f := range c.failures {
		name := "nothing is disturbed"
		for _, p := range c.periods {
			if f.began.Before(p.end) && f.ended.After(p.began) {
				name = p.name
			}
		}
		byPeriod[name] = append(byPeriod[name], f.what)
	}
	for name, most := range expected {
		if failed := byPeriod[name]; len(failed) > most {
			c.t.Errorf("while %s, %d requests fail:\n%s", name, len(failed), strings.Join(failed, "\n"))
		} else {
			c.t.Logf("while %s, %d requests failed", name, len(failed))
		}
	}
	c.t.Logf("%v of %d sessions", c.counts, len(c.sessions))
}

// line is between a server and the database, and can be cut: what is sent meanwhile
// arrives later, as with real networks.
type line struct {
	folders []string // of the sockets on this side

	mutex  sync.Mutex
	whole  *sync.Cond
	broken bool
}

func newLine(t *testing.T, sockets ...string) *line {
	l := &line{}
	l.whole = sync.NewCond(&l.mutex)
	t.Cleanup(l.mend)
	for _, socket := range sockets {
		folder, err := os.MkdirTemp("", "line")
		sitetest.Must(t, err)
		t.Cleanup(func() { os.RemoveAll(folder) })
		const name = ".s.PGSQL.5432"
		listener, err := net.Listen("unix", filepath.Join(folder, name))
		sitetest.Must(t, err)
		t.Cleanup(func() { listener.Close() })
		l.folders = append(l.folders, folder)
		go func() {
			for {
				near, err := listener.Accept()
				if err != nil {
					return
				}
				go func() {
					l.wait()
					far, err := net.Dial("unix", filepath.Join(socket, name))
					if err != nil {
						near.Close()
						return
					}
					go l.carry(near, far)
					l.carry(far, near)
				}()
			}
		}()
	}
	return l
}

func (l *line) wait() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for l.broken {
		l.whole.Wait()
	}
}

func (l *line) carry(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	part := make([]byte, 32<<10)
	for {
		n, err := from.Read(part)
		l.wait()
		if n > 0 {
			if _, err := to.Write(part[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (l *line) set(broken bool) {
	l.mutex.Lock()
	l.broken = broken
	l.mutex.Unlock()
	l.whole.Broadcast()
}

func (l *line) cut()  { l.set(true) }
func (l *line) mend() { l.set(false) }
