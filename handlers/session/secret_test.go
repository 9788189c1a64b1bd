package session

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestSecrets(t *testing.T) {
	t.Parallel()
	for secret, part := range map[string]string{
		"": "bytes", "short": "bytes", "keyboard cat": "tutorial", "Keyboard Cat": "tutorial", "changeme": "tutorial",
		"thisismysecrctekeyfhrgfgrfrty84fwir767": "tutorial",
		"secret-secret-secret-secret-secret":     "longer",
		strings.Repeat("keyboard cat", 3):        "longer",
		strings.Repeat("ab", 20):                 "different",
	} {
		if err := CheckSecret(secret); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q: %v", secret, err)
		} else if len(secret) > 8 && strings.Contains(err.Error(), secret) {
			t.Errorf("the error tells the secret: %v", err)
		}
	}
	if CheckSecret(strings.Repeat("abcdefg", 5)) == nil || CheckSecret(strings.Repeat("abcdefgh", 4)) != nil {
		t.Error("8 different characters are the least")
	}
	if CheckSecret("3Yx1dQ8mVt0sGpB7nKcJ5wLhRzE2aUf") == nil {
		t.Error("31 bytes are enough")
	}
	check(t, CheckSecret("3Yx1dQ8mVt0sGpB7nKcJ5wLhRzE2aUfI"))
}

// TestSecretsThatAreMadeHave256Bits: every letter of base32 differs from file to file.
func TestSecretsThatAreMadeHave256Bits(t *testing.T) {
	t.Parallel()
	letters := map[int]map[byte]bool{}
	for range 16 {
		secrets, err := SecretFile(filepath.Join(t.TempDir(), "secret"))
		check(t, err)
		if len(secrets) != 1 || len(secrets[0]) != 52 {
			t.Fatalf("the secret is %q", secrets)
		}
		for place, letter := range []byte(secrets[0]) {
			if letters[place] == nil {
				letters[place] = map[byte]bool{}
			}
			letters[place][letter] = true
		}
	}
	for place, seen := range letters {
		if len(seen) < 4 {
			t.Errorf("letter %d is one of %d", place, len(seen))
		}
	}
}

func TestTheSecretFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret")
	made := make([]string, 8)
	var wg sync.WaitGroup
	for i := range made { // several processes start at once
		wg.Go(func() {
			secrets, err := SecretFile(path)
			if err != nil || len(secrets) != 1 {
				t.Errorf("%q, %v", secrets, err)
				return
			}
			made[i] = secrets[0]
		})
	}
	wg.Wait()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v", info.Mode(), err)
	}
	for _, secret := range made {
		if secret != made[0] || CheckSecret(secret) != nil {
			t.Fatalf("the processes have %q", made)
		}
	}
	check(t, os.WriteFile(path, []byte("3Yx1dQ8mVt0sGpB7nKcJ5wLhRzE2aUfI\n"+made[0]+"\n"), 0o600))
	if secrets, err := SecretFile(path); err != nil || len(secrets) != 2 || secrets[1] != made[0] {
		t.Errorf("%q, %v", secrets, err)
	}
	for content, part := range map[string]string{"": "empty", "\n \n": "empty", "torn": "damaged", made[0] + "\ntorn": "damaged: secret 2"} {
		check(t, os.WriteFile(path, []byte(content), 0o600))
		if _, err := SecretFile(path); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q: %v", content, err)
		}
	}
	if _, err := SecretFile(t.TempDir()); err == nil {
		t.Error("a folder was read as a secret")
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
