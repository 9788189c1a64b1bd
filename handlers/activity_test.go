package handlers_test

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"daypass/handlers/sitetest"
	"daypass/models"
	"daypass/models/database/databasetest"
)

func TestActivityIsFilteredPagedAndDownloaded(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.AddUser("eve", models.Member)
	ada, eve := site.SignIn("ada"), site.SignIn("eve")
	eve.Login("eve", "not the password").Answers(422)
	for range 60 { // more than a page
		site.Advance(time.Minute)
		if _, err := site.DB.NewPasswordToken(t.Context(), site.User("ada"), models.CommandLine); err != nil {
			t.Fatal(err)
		}
	}
	pages := walk(ada, "/activity", `<span class="title">(.*)</span>`)
	if events := site.Count(`SELECT COUNT(*) FROM events WHERE user_id = (SELECT id FROM users WHERE name = 'ada')`); len(slices.Concat(pages...)) != events || len(pages) != 2 {
		t.Errorf("%d events are shown as %q", events, pages)
	}
	if page := ada.Get("/activity?kind=sign-in"); strings.Count(page.Body, `<span class="title">`) != 1 {
		t.Error("the filter does not filter")
	}
	ada.Get("/activity?kind=nonsense").Answers(404).Says("no type of activity called")
	ada.Get("/activity?after=%00&kind=%ff").Answers(200)
	if page := ada.Get("/activity?name=eve"); strings.Contains(page.Body, `<span class="title">Failed`) {
		t.Error("somebody else's activity is shown")
	}
	ada.Get("/admin/activity?name=eve").Answers(200).Says("Failed sign-in")
	eve.Get("/admin/activity").Answers(403)
	eve.Get("/admin/activity.csv").Answers(403)

	for _, first := range []string{"=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"} {
		site.Change(`UPDATE events SET browser = '` + first + `1' WHERE kind = 'failed sign-in'`)
		rows, err := csv.NewReader(strings.NewReader(ada.Get("/admin/activity.csv?name=eve&kind=failed+sign-in").Body)).ReadAll()
		sitetest.Must(t, err)
		if read := strings.ReplaceAll(first, "\r", "\n") + "1"; len(rows) != 2 || strings.ReplaceAll(rows[1][3], "\r", "\n") != "'"+read {
			t.Errorf("a cell that begins with %q is %q", first, rows)
		}
	}
	site.Change(`UPDATE events SET browser = '=HYPERLINK("evil")' WHERE kind = 'failed sign-in'`)
	file := ada.Get("/admin/activity.csv?name=eve&kind=failed+sign-in").Answers(200)
	rows, err := csv.NewReader(strings.NewReader(file.Body)).ReadAll()
	sitetest.Must(t, err)
	if len(rows) != 2 || rows[1][1] != "eve" || rows[1][3] != `'=HYPERLINK("evil")` || !strings.Contains(file.Response.Header.Get("Content-Disposition"), "activity.csv") {
		t.Errorf("the file is %q", rows)
	}
	own, err := csv.NewReader(strings.NewReader(eve.Get("/activity.csv?name=ada").Answers(200).Body)).ReadAll()
	sitetest.Must(t, err)
	if len(own) != 4 { // the heading, added, signed in, failed
		t.Errorf("the own file is %q", own)
	}
}

// TestLargeFilesAreDownloadedWhole, in memory that does not grow with them, while
// the database goes on; and one that breaks off is known to be broken.
func TestLargeFilesAreDownloadedWhole(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 5 s")
	}
	const events, notes = 60_000, 1_234
	file := filepath.Join(t.TempDir(), "daypass.db")
	first := sitetest.StartOn(t, file)
	first.AddUser("eve", models.Member)
	first.Change(`CREATE TABLE sample_notes (user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE, part BIGINT NOT NULL, place BIGINT NOT NULL, title TEXT NOT NULL, PRIMARY KEY (part, place))`)
	first.Change(`CREATE TABLE sample_marks (user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE, mark TEXT NOT NULL)`)
	for table, values := range map[string]string{"sample_notes": `u.id, i % 7, i, 'a note'`, "sample_marks": `u.id, 'a mark'`} {
		first.Change(fmt.Sprintf(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO %s SELECT %s FROM n, users u WHERE u.name = 'eve'`, notes, table, values))
	}
	first.Change(fmt.Sprintf(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
		INSERT INTO events (id, user_id, kind, at, address, browser) SELECT printf('0%%09d', i), u.id, 'sign-out', 1700000000 + i, '203.0.113.9', 'Firefox on Linux' FROM n, users u WHERE u.name = 'eve'`, events))
	first.Stop()
	site := sitetest.StartOn(t, file)
	site.AddUser("ada", models.Admin)
	eve, ada := site.SignIn("eve"), site.SignIn("ada")

	all := site.Count(`SELECT COUNT(*) FROM events`)
	for path, rows := range map[string]int{"/activity.csv": events + 2, "/admin/activity.csv": all, "/admin/activity.csv?name=eve&kind=sign-out": events} {
		who := eve
		if strings.HasPrefix(path, "/admin") {
			who = ada
		}
		table, err := csv.NewReader(strings.NewReader(who.Get(path).Answers(200).Body)).ReadAll()
		sitetest.Must(t, err)
		if len(table) != rows+1 {
			t.Errorf("%s has %d rows, not %d", path, len(table)-1, rows)
		}
	}
	var data struct {
		Sessions, Events []map[string]any
		Notes            []map[string]any `json:"sample_notes"`
		Marks            []map[string]any `json:"sample_marks"`
	}
	sitetest.Must(t, json.Unmarshal([]byte(eve.Post("/account/data.json").Answers(200).Body), &data))
	if len(data.Sessions) != 1 || len(data.Events) != events+3 || len(data.Notes) != notes || len(data.Marks) != notes {
		t.Errorf("the data has %d sessions, %d events, %d notes and %d marks", len(data.Sessions), len(data.Events), len(data.Notes), len(data.Marks))
	}
	if note := data.Notes[0]; len(note) != 3 || note["title"] != "a note" || len(data.Marks[0]) != 1 {
		t.Errorf("the first note is %v, the first mark %v", note, data.Marks[0])
	}
	data.Events, data.Notes, data.Marks = nil, nil, nil

	// Ten who take their time.
	held := func() uint64 {
		debug.FreeOSMemory()
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	people := []*sitetest.Browser{eve}
	for _, name := range []string{"bo", "cy", "di", "flo"} {
		site.AddUser(name, models.Member)
		site.Change(fmt.Sprintf(`INSERT INTO events (id, user_id, kind, at, address, browser) SELECT e.id || '%[1]s', u.id, e.kind, e.at, e.address, e.browser
			FROM events e JOIN users v ON v.id = e.user_id AND v.name = 'eve', users u WHERE u.name = '%[1]s'`, name))
		people = append(people, site.SignIn(name))
	}
	before := held()
	var slow []net.Conn
	for i := range 10 {
		who := people[i/2]
		connection, err := net.Dial("tcp", strings.TrimPrefix(site.URL, "http://"))
		sitetest.Must(t, err)
		slow = append(slow, connection)
		defer connection.Close()
		sitetest.Must(t, connection.(*net.TCPConn).SetReadBuffer(4096))
		fmt.Fprintf(connection, "POST /account/data.json HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: same-origin\r\nCookie: daypass=%s\r\nContent-Length: 0\r\n\r\n", who.Cookie())
		line, err := bufio.NewReaderSize(connection, 16).ReadString('\n')
		sitetest.Must(t, err)
		if !strings.Contains(line, "200") {
			t.Fatal(line)
		}
	}
	if after := held(); after > before+50<<20 { // whole files would be some 300
		t.Errorf("ten downloads hold %d MiB", (after-before)>>20)
	}

	// More than that would starve the database, whoever asks.
	for _, refused := range []*sitetest.Answer{eve.Get("/activity.csv"), ada.Get("/admin/activity.csv"), eve.Post("/account/data.json")} {
		refused.Answers(429).Says("Too many downloads").Says("until they are done")
		if after := refused.Response.Header.Get("Retry-After"); after == "" {
			t.Error("nobody is told when to try again")
		}
	}
	for _, connection := range slow[1:] { // but one of eve
		connection.Close()
	}
	sitetest.Until(t, "the downloads are known to have ended", func() bool { return ada.Get("/admin/activity.csv").Response.StatusCode == 200 })
	sitetest.Until(t, "eve may download again", func() bool { return eve.Get("/activity.csv?kind=sign-in").Response.StatusCode == 200 })
	if databasetest.Postgres() {
		return // which has no log that a reader could hold, and no time that is none
	}
	db := databasetest.Open(t, site.File)
	defer db.Close()
	var busy, pages, written int
	sitetest.Must(t, db.QueryRow(`PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &pages, &written))
	if busy != 0 {
		t.Error("a slow download keeps the log from being written back")
	}

	site.Change(`UPDATE events SET at = 'never' WHERE id = '0000000001'`) // the last one to be read
	request, err := http.NewRequest("POST", site.URL+"/account/data.json", nil)
	sitetest.Must(t, err)
	response, err := eve.Client.Do(request)
	sitetest.Must(t, err)
	defer response.Body.Close()
	if n, err := io.Copy(io.Discard, response.Body); err == nil {
		t.Errorf("the file ends after %d bytes as if it were whole", n)
	}
	if !strings.Contains(site.Log.String(), "download failed") {
		t.Error("the log does not say that a download failed")
	}
	site.Change(`DELETE FROM events WHERE at = 'never'`)
	eve.Get("/activity.csv").Answers(200)
}

// TestWhatRepeatsWithinAMinuteIsCountedInOneRow, on pages and in files, and stays
// bounded when the browser calls itself something else each time.
func TestWhatRepeatsWithinAMinuteIsCountedInOneRow(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.StopClock()
	site.Advance(site.DB.Now().Truncate(24 * time.Hour).Add(36 * time.Hour).Sub(site.DB.Now())) // to a noon: the hour below is of the same day
	eve := site.Visitor()
	site.AddUser("eve", models.Member)
	eve.Login("eve", sitetest.Password).LeadsTo("/dashboard")
	renames := func() int { return site.Count(`SELECT COUNT(*) FROM events WHERE kind = 'name changed'`) }
	for i := range 7 {
		eve.Post("/account/name", "full_name", fmt.Sprint("Eve ", i)).LeadsTo("/account")
		site.Advance(time.Second)
	}
	if rows := renames(); rows != 1 {
		t.Errorf("7 changes have %d rows", rows)
	}
	eve.Get("/dashboard").Says(`Name changed <span class="tag count">7 times</span>`)
	eve.Get("/activity").Says(`Name changed <span class="tag count">7 times</span>`)
	rows, err := csv.NewReader(strings.NewReader(eve.Get("/activity.csv?kind=name+changed").Answers(200).Body)).ReadAll()
	sitetest.Must(t, err)
	if len(rows) != 2 || rows[0][6] != "count" || rows[1][6] != "7" {
		t.Errorf("the file is %q", rows)
	}

	site.Advance(time.Minute)
	eve.Post("/account/name", "full_name", "Eve").LeadsTo("/account")
	if rows := renames(); rows != 2 {
		t.Errorf("a minute later there are %d rows", rows)
	}
	site.Advance(time.Minute)
	for i := range 40 {
		eve.Header.Set("User-Agent", fmt.Sprintf("Browser%c%c/1.0", 'A'+i/26, 'A'+i%26))
		eve.Post("/account/name", "full_name", fmt.Sprint("Eve ", i)).LeadsTo("/account")
	}
	if rows, all := renames(), site.Count(`SELECT SUM(count) FROM events WHERE kind = 'name changed'`); rows > 12 || all != 48 {
		t.Errorf("with 40 browsers in a minute there are %d rows of %d changes", rows, all)
	}

	// The chart and the alarm count them all, and the alarm those of the minute of a sign-in.
	site.Advance(time.Hour)
	for range 3 {
		site.Visitor().Login("eve", "not the password").Answers(422)
	}
	back := site.Visitor()
	site.Advance(time.Second)
	back.Login("eve", sitetest.Password).LeadsTo("/dashboard")
	back.Get("/dashboard").Says("3 failed sign-ins since your last visit").Says("<td>2</td><td>3</td>")
	site.Advance(time.Second)
	for range 2 {
		site.Visitor().Login("eve", "not the password").Answers(422)
	}
	site.Advance(time.Second)
	back.Login("eve", sitetest.Password).LeadsTo("/dashboard")
	site.Advance(2 * time.Minute)
	back.Login("eve", sitetest.Password).LeadsTo("/dashboard")
	if failures := site.Count(`SELECT COUNT(*) FROM events WHERE kind = 'failed sign-in'`); failures != 2 {
		t.Errorf("the failures before and after a sign-in have %d rows", failures)
	}
	back.Get("/dashboard").Says("2 failed sign-ins since your last visit")
}

func TestAnEventOfAnotherVersionIsShownByItsName(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	ada := site.SignIn("ada")
	site.Change(`INSERT INTO events (id, user_id, kind, at, address, browser) SELECT 'x', id, 'passkey <added>', CAST($1 AS BIGINT), '', '' FROM users`, time.Now().Unix())
	for _, path := range []string{"/dashboard", "/activity", "/admin/activity", "/admin/users/" + site.User("ada").ID} {
		ada.Get(path).Answers(200).Says("passkey &lt;added&gt;")
	}
	ada.Get("/activity.csv").Answers(200).Says("passkey <added>")
}

// kinds are those of events.
func kinds(events []map[string]any) (kinds []any) {
	for _, event := range events {
		kinds = append(kinds, event["kind"])
	}
	return kinds
}

func TestTheDashboardSaysWhatNeedsAttention(t *testing.T) {
	t.Parallel()
	site := sitetest.Start(t)
	site.SignIn("ada").Post("/logout")
	site.Advance(time.Hour)
	for range 3 {
		site.Visitor().Login("ada", "not the password").Answers(422)
	}
	site.Advance(time.Hour)
	phone := site.Visitor()
	phone.Header.Set("User-Agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1")
	phone.Login("ada", sitetest.Password).LeadsTo("/dashboard")
	page := phone.Get("/dashboard").Says("3 times").SaysNot("with a new browser")
	signIns, failed := 0, 0 // midnight may be among them
	rows := regexp.MustCompile(`<tr><th scope="row">.*?</th><td>(\d+)</td><td>(\d+)</td></tr>`).FindAllStringSubmatch(page.Body, -1)
	for _, row := range rows {
		for i, sum := range []*int{&signIns, &failed} {
			number, err := strconv.Atoi(row[i+1])
			sitetest.Must(t, err)
			*sum += number
		}
	}
	if len(rows) != 14 || signIns != 2 || failed != 3 {
		t.Errorf("the chart has %d days with %d sign-ins and %d failed ones", len(rows), signIns, failed)
	}
	phone.Post("/logout")
	site.Advance(time.Hour)
	phone.Login("ada", sitetest.Password).LeadsTo("/dashboard")
	if page := phone.Get("/dashboard"); strings.Contains(page.Body, "since your last visit") {
		t.Error("what was seen is shown again")
	}
}
