package session

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"daypass/models"
	"daypass/models/database"
)

// MinSecret is the least length of a secret, in bytes: that of the HMAC-SHA256
// key it becomes (RFC 2104, section 3).
const MinSecret = 32

// knownSecrets are in tutorials and in the examples of frameworks: anyone could sign
// cookies with them.
var knownSecrets = []string{
	"thisismysecrctekeyfhrgfgrfrty84fwir767", "keyboard cat", "keyboardcat", "secret", "changeme", "change me",
	"your secret here", "your-secret-here", "your-secret-key", "mysecret", "my secret", "supersecret", "super-secret",
	"session secret", "session-secret", "not-so-secret", "shhhh", "password", "default", "development", "test",
}

// CheckSecret refuses a secret that can be guessed. The error names the secret
// by its place, never by its text.
func CheckSecret(secret string) error {
	lower := strings.ToLower(strings.TrimSpace(secret))
	if slices.Contains(knownSecrets, lower) {
		return errors.New("is known from a tutorial")
	}
	for _, known := range knownSecrets { // also when it was repeated to be long enough
		if rest := strings.ReplaceAll(lower, known, ""); len(lower) >= MinSecret && strings.Trim(rest, " -_.0123456789") == "" {
			return errors.New("is one known from a tutorial, made longer")
		}
	}
	if len(secret) < MinSecret {
		return fmt.Errorf("has %d bytes, and %d are the least", len(secret), MinSecret)
	}
	letters := []rune(secret)
	slices.Sort(letters)
	if distinct := len(slices.Compact(letters)); distinct < 8 {
		return fmt.Errorf("has only %d different characters", distinct)
	}
	return nil
}

// SecretFile returns the secrets in a file, one per line, newest first. If the file
// is missing, it is created with a new secret of 256 bits, and only its owner may
// read it.
func SecretFile(path string) ([]string, error) {
	secrets, err := ReadSecretFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return newSecretFile(path)
	}
	return secrets, err
}

// ReadSecretFile is SecretFile for a file that has to be there.
func ReadSecretFile(path string) ([]string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the secret file %s can't be read: %w", path, database.Cause(err))
	}
	secrets := strings.Fields(string(content))
	if len(secrets) == 0 {
		return nil, fmt.Errorf("the secret file %s is empty; put the secret back, or remove the file to have a new one made (which signs everybody out)", path)
	}
	for line, secret := range secrets {
		if err := CheckSecret(secret); err != nil {
			return nil, fmt.Errorf("the secret file %s is damaged: secret %d %w; put the right one back, or remove the file to have a new one made (which signs everybody out)", path, line+1, err)
		}
	}
	return secrets, nil
}

// newSecretFile creates the file atomically, even if two processes try at once.
func newSecretFile(path string) ([]string, error) {
	complain := func(err error) ([]string, error) {
		return nil, fmt.Errorf("the secret file %s can't be made: %w", path, database.Cause(err))
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return complain(err)
	}
	secrets := []string{models.NewSecret()}
	draft, err := draftSecrets(path, secrets)
	if err != nil {
		return complain(err)
	}
	defer os.Remove(draft)
	if err := os.Link(draft, path); errors.Is(err, fs.ErrExist) {
		return SecretFile(path) // somebody was faster
	} else if err != nil {
		return complain(err)
	}
	return secrets, nil
}

// WriteSecretFile puts other secrets in the place of those in a file.
func WriteSecretFile(path string, secrets []string) error {
	draft, err := draftSecrets(path, secrets)
	if err == nil {
		defer os.Remove(draft) // unless it was renamed
		err = os.Rename(draft, path)
	}
	if err != nil {
		return fmt.Errorf("the secret file %s can't be written: %w", path, database.Cause(err))
	}
	return nil
}

// draftSecrets writes a file beside the one at path, and returns its name.
func draftSecrets(path string, secrets []string) (name string, err error) {
	draft, err := os.CreateTemp(filepath.Dir(path), ".secret-*") // mode 0600
	if err != nil {
		return "", err
	}
	_, err = draft.WriteString(strings.Join(secrets, "\n") + "\n")
	if err = errors.Join(err, draft.Sync(), draft.Close()); err != nil {
		os.Remove(draft.Name())
	}
	return draft.Name(), err
}
