package command

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"daypass/handlers/render"
	"daypass/models"
	"daypass/models/database"
)

// Settings are those of the site. The doctor has to know them too.
type Settings struct {
	Listen       string         `default:"127.0.0.1:3000" env:"DAYPASS_LISTEN" placeholder:"ADDRESS" help:"Where to listen, host:port."`
	URL          string         `name:"url" env:"DAYPASS_URL" placeholder:"URL" help:"Where people reach the site. Determines whether cookies are Secure, and which origin may post. (default: http://localhost and the port)"`
	Title        string         `default:"Daypass" env:"DAYPASS_TITLE" help:"What the site calls itself on its pages."`
	Icon         string         `env:"DAYPASS_ICON" placeholder:"FILE" help:"Its icon, an SVG or PNG file of at most 64 KiB. (default: built in)"`
	Forgotten    string         `env:"DAYPASS_FORGOTTEN" placeholder:"TEXT" help:"What the sign-in page says after: Forgotten your password? (default: to ask an administrator for a link)"`
	Lifetime     time.Duration  `default:"24h" env:"DAYPASS_LIFETIME" help:"How long a session lasts, regardless of activity."`
	Idle         time.Duration  `default:"0s" env:"DAYPASS_IDLE" help:"End sessions idle for this long; 0s for never."`
	KeepActivity time.Duration  `default:"8760h" env:"DAYPASS_KEEP_ACTIVITY" help:"How long sign-ins, failed sign-ins and other events are stored."`
	Secret       secretSettings `embed:""`
	Node         string         `env:"DAYPASS_NODE" placeholder:"NAME" help:"Name of this server in the log and on the System page, if several share a database. (default with PostgreSQL: the host name)"`
	Drain        time.Duration  `default:"0s" env:"DAYPASS_DRAIN" help:"Before stopping, answer 503 to health checks for this long, so that a load balancer sends requests to other servers."`
	TrustedProxy []netip.Prefix `env:"DAYPASS_TRUSTED_PROXY" placeholder:"NETWORK" help:"Networks of the proxies to trust, separated by commas, such as 10.0.0.0/8. X-Forwarded-For and -Proto count only from them."`

	SecondFactor      models.RequiredFor `default:"off" enum:"off,admins,everybody" env:"DAYPASS_SECOND_FACTOR" help:"Who has to have a second factor: off, admins or everybody."`
	PasskeyDomain     string             `env:"DAYPASS_PASSKEY_DOMAIN" placeholder:"DOMAIN" help:"Domain that passkeys are made for: the host of --url, or a registered domain above it. (default: the host of --url)"`
	SecondFactorGrace time.Duration      `default:"168h" env:"DAYPASS_SECOND_FACTOR_GRACE" help:"How long a user may still sign in without one, from the first sign-in on."`

	ThrottleAccount int           `default:"5" env:"DAYPASS_THROTTLE_ACCOUNT" help:"Failed sign-ins per account before delays start."`
	ThrottleAddress int           `default:"20" env:"DAYPASS_THROTTLE_ADDRESS" help:"The same per IP address; for IPv6, per network of 64 bits."`
	ThrottleDelay   time.Duration `default:"1s" env:"DAYPASS_THROTTLE_DELAY" help:"First delay. It doubles with each further failure."`
	ThrottleLongest time.Duration `default:"15m" env:"DAYPASS_THROTTLE_LONGEST" help:"Longest delay."`
}

// node is the name of this server, or nothing where it is the only one.
func (s *Settings) node(address string) string {
	if s.Node != "" || !database.IsURL(address) {
		return s.Node
	}
	host, _ := os.Hostname()
	return host
}

// brand checks what the site calls itself.
func (s *Settings) brand() (*render.Icon, error) {
	if err := render.CheckTitle(s.Title); err != nil {
		return nil, usageError{fmt.Errorf("--title: %w", err)}
	}
	if utf8.RuneCountInString(s.Forgotten) > models.MaxForgotten {
		return nil, usageError{fmt.Errorf("--forgotten has more than %d characters", models.MaxForgotten)}
	}
	if s.Icon == "" {
		return nil, nil
	}
	icon, err := render.ReadIcon(s.Icon)
	if err != nil {
		return nil, usageError{fmt.Errorf("--icon: %w", err)}
	}
	return icon, nil
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
		return nil, usageError{fmt.Errorf("--url %q must be the address of a site, without a path, such as https://dash.example.org", set)}
	}
	return &url.URL{Scheme: public.Scheme, Host: strings.ToLower(public.Host)}, nil
}

func innermost(err error) error {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err
}
