package command

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"daypass/models"
)

// Settings are those of the site. The doctor has to know them too.
type Settings struct {
	Listen       string         `default:"127.0.0.1:3000" env:"DAYPASS_LISTEN" placeholder:"ADDRESS" help:"Where to listen, host:port."`
	URL          string         `name:"url" env:"DAYPASS_URL" placeholder:"URL" help:"Where people reach the site. It decides about secure cookies, and which origin may post. (default: http://localhost with the port that is listened on)"`
	Lifetime     time.Duration  `default:"24h" env:"DAYPASS_LIFETIME" help:"How long a session lasts, whatever is done with it."`
	Idle         time.Duration  `default:"0s" env:"DAYPASS_IDLE" help:"End sessions that were not used for so long; 0s for never."`
	KeepActivity time.Duration  `default:"8760h" env:"DAYPASS_KEEP_ACTIVITY" help:"How long sign-ins, failed ones and the like are kept for people to see."`
	SecretFile   string         `env:"DAYPASS_SECRET_FILE" placeholder:"FILE" help:"Secrets that sign cookies, one a line, newest first. It is made when it is not there. (default: secret, beside the database)"`
	TrustedProxy []netip.Prefix `env:"DAYPASS_TRUSTED_PROXY" placeholder:"NETWORK" help:"Networks of the proxies whose X-Forwarded-For counts, such as 10.0.0.0/8."`

	ThrottleAccount int           `default:"5" env:"DAYPASS_THROTTLE_ACCOUNT" help:"Failed sign-ins that an account has free of delay."`
	ThrottleAddress int           `default:"20" env:"DAYPASS_THROTTLE_ADDRESS" help:"The same for an IP address; for IPv6, for a network of 64 bits."`
	ThrottleDelay   time.Duration `default:"1s" env:"DAYPASS_THROTTLE_DELAY" help:"The delay after the first failure that is not free. It doubles with each further one."`
	ThrottleLongest time.Duration `default:"15m" env:"DAYPASS_THROTTLE_LONGEST" help:"What the delay grows to."`
}

// secrets are those of the variable, or else those of the file.
func (s *Settings) secrets(database string) ([]string, error) {
	if set, ok := os.LookupEnv(secretVariable); ok {
		secrets := strings.Split(set, ",")
		for i, secret := range secrets {
			if err := models.CheckSecret(secret); err != nil {
				return nil, fmt.Errorf("secret %d in %s %w; make one with: openssl rand -base64 33", i+1, secretVariable, err)
			}
		}
		return secrets, nil
	}
	return models.SecretFile(s.secretPath(database))
}

func (s *Settings) secretPath(database string) string {
	if s.SecretFile != "" {
		return s.SecretFile
	}
	return filepath.Join(filepath.Dir(database), "secret")
}

// publicURL is the origin that people reach the site at.
func publicURL(set string, listening net.Addr) (*url.URL, error) {
	if set == "" {
		_, port, err := net.SplitHostPort(listening.String())
		if err != nil {
			return nil, err
		}
		set = "http://localhost:" + port
	}
	public, err := url.Parse(set)
	if err != nil || public.Scheme != "http" && public.Scheme != "https" || public.Hostname() == "" || public.User != nil ||
		strings.Trim(public.Path, "/") != "" || public.RawQuery != "" || public.Fragment != "" {
		return nil, usageError{fmt.Errorf("--url %q is not an address of a whole site, such as https://dash.example.org", set)}
	}
	return &url.URL{Scheme: public.Scheme, Host: strings.ToLower(public.Host)}, nil
}

func innermost(err error) error {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err
}
