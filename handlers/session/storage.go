package session

import (
	"fmt"
	"time"

	"github.com/gofiber/fiber/v2"
)

// storage adapts the storage driver for Fiber's session store. The store passes
// cookie values, which are signed IDs; the driver gets the hash of the ID. So neither
// of them knows about signatures, and no ID is ever stored.
type storage struct {
	fiber.Storage
	keys *keyring
}

// storageError marks a failure of the driver. An error of Fiber's store without it
// means that the payload can't be decoded.
type storageError struct{ error }

func (e storageError) Unwrap() error { return e.error }

// Get returns what is stored for a cookie's value. A value that was not signed
// here has nothing, and the database is not asked.
func (s *storage) Get(cookie string) ([]byte, error) {
	id, _, ok := s.keys.signer().idIn(cookie)
	if !ok {
		return nil, nil
	}
	payload, err := s.Storage.Get(keyOf(id))
	if err != nil {
		return nil, storageError{fmt.Errorf("read a session's payload: %w", err)}
	}
	return payload, nil
}

// payloadGrace is how much longer a payload lives than its row in the table of
// sessions, so that the row alone decides when a session ends.
const payloadGrace = time.Minute

// Set stores a payload for a cookie's value that was signed here.
func (s *storage) Set(cookie string, payload []byte, lifetime time.Duration) error {
	id, _, ok := s.keys.signer().idIn(cookie)
	if !ok {
		return storageError{fmt.Errorf("store a session's payload: the ID was not made here")}
	}
	if err := s.Storage.Set(keyOf(id), payload, lifetime+payloadGrace); err != nil {
		return storageError{fmt.Errorf("store a session's payload: %w", err)}
	}
	return nil
}

// Delete removes what is stored for a cookie's value.
func (s *storage) Delete(cookie string) error {
	id, _, ok := s.keys.signer().idIn(cookie)
	if !ok {
		return nil
	}
	if err := s.Storage.Delete(keyOf(id)); err != nil {
		return storageError{fmt.Errorf("delete a session's payload: %w", err)}
	}
	return nil
}
