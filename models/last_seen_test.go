package models

import (
	"testing"

	"daypass/models/database"
)

func TestASessionSeenDuringAWriteIsWrittenAgain(t *testing.T) {
	t.Parallel()
	seen := newLastSeen()
	session := &Session{ID: "one", Seen: database.UnixTime(1000)}
	if seen.touch(session, database.UnixTime(1059)); len(seen.unwritten()) != 0 {
		t.Error("a session is remembered twice within a minute")
	}
	seen.touch(session, database.UnixTime(1060))
	writing := seen.unwritten()
	seen.touch(session, database.UnixTime(1120))
	seen.forget(writing)
	if left := seen.unwritten()["one"].at; left.Unix() != 1120 || session.Seen.Unix() != 1120 {
		t.Errorf("left to write is %d, and the session was seen at %d", left.Unix(), session.Seen.Unix())
	}
	if later := seen.later("one", database.UnixTime(1130)); later.Unix() != 1130 {
		t.Errorf("a later time in the database becomes %d", later.Unix())
	}
	if later := seen.later("one", database.UnixTime(1060)); later.Unix() != 1120 {
		t.Errorf("an earlier time in the database becomes %d", later.Unix())
	}
	seen.forget(seen.unwritten())
	if len(seen.unwritten()) != 0 {
		t.Error("what was written is written again")
	}
}
