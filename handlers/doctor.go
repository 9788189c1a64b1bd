package handlers

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize/english"

	"daypass/handlers/identity"
	"daypass/handlers/session"
	"daypass/handlers/web"
	"daypass/models"
)

// Diagnose looks for what is wrong with how the site is configured: secrets,
// the public URL, proxies. It asks the site itself, when it runs. The database
// is nil before the first start.
func Diagnose(ctx context.Context, db *models.DB, config Config, listen string) []models.Finding {
	var found []models.Finding
	inUse := false
	if db != nil {
		found = examineSecrets(ctx, db, config.Secrets)
		found = append(found, examinePasskeys(ctx, db, config)...)
		inUse, _ = db.HasUsers(ctx) // what is wrong with it, others tell
	}
	return append(found, examineURL(config, listen), examineProxies(config), examineSite(ctx, config, inUse))
}

// examineSecrets tells how many live sessions each secret signs, and how many seeds of
// authenticator apps it encrypts: one that does neither may go.
func examineSecrets(ctx context.Context, db *models.DB, secrets []string) []models.Finding {
	signing, err := db.Signers(ctx)
	if err != nil {
		return []models.Finding{{Level: models.Failed, About: "secrets", Found: err.Error()}}
	}
	seeds, err := db.SeedsPerSecret(ctx)
	if err != nil {
		return []models.Finding{{Level: models.Failed, About: "secrets", Found: err.Error()}}
	}
	var found []models.Finding
	for place, secret := range secrets {
		name := session.Fingerprint(secret)
		finding := models.Finding{Level: models.OK, About: "secret " + name, Found: fmt.Sprintf("signs %d live sessions", signing[name])}
		if count := seeds[name]; count > 0 {
			finding.Found += ", encrypts " + english.Plural(count, "authenticator app", "")
		}
		if place == 0 {
			finding.Found += ", and all new ones"
		} else if seeds[name] > 0 {
			finding.Fix = "keep it until the next start, which encrypts them with the first"
		} else if signing[name] == 0 {
			finding.Fix = "it may go: nothing is signed by it any more"
		}
		found = append(found, finding)
		delete(signing, name)
		delete(seeds, name)
	}
	for name, count := range seeds {
		users, err := db.UsersOfSeeds(ctx, name)
		if err != nil {
			return []models.Finding{{Level: models.Failed, About: "secrets", Found: err.Error()}}
		}
		found = append(found, models.Finding{Level: models.Failed, About: "secret " + name,
			Found: fmt.Sprintf("is not configured, and encrypted %s, of %s", english.Plural(count, "authenticator app", ""), english.OxfordWordSeries(users, "and")),
			Fix:   "put it back behind the first one, or, for each of them: daypass user second-factor reset NAME"})
	}
	for name, count := range signing {
		found = append(found, models.Finding{Level: models.Warning, About: "secret " + name,
			Found: fmt.Sprintf("is not configured, and signed %d live sessions", count), Fix: "put it back behind the first one, or those people have to sign in again"})
	}
	slices.SortStableFunc(found, func(a, b models.Finding) int { return strings.Compare(string(a.Level), string(b.Level)) })
	return found
}

// examinePasskeys tells where passkeys were made that no browser offers here.
func examinePasskeys(ctx context.Context, db *models.DB, config Config) []models.Finding {
	about := "passkeys"
	domain, err := identity.PasskeyDomain(config.URL, config.PasskeyDomain)
	if err != nil && !errors.Is(err, identity.ErrNoPasskeys) {
		return []models.Finding{{Level: models.Failed, About: about, Found: err.Error(), Fix: "correct --passkey-domain"}}
	}
	elsewhere, here, lockedOut, failed := db.PasskeysElsewhere(ctx, domain)
	switch {
	case failed != nil:
		return []models.Finding{{Level: models.Failed, About: about, Found: failed.Error()}}
	case lockedOut > 0:
		return []models.Finding{{Level: models.Failed, About: about, Found: fmt.Sprintf("%s without a password can't sign in at %s: their passkeys were made for another domain", english.Plural(lockedOut, "user", ""), config.URL), Fix: "set --url and --passkey-domain to what they were made for, or give each of them a password link"}}
	case elsewhere > 0 && err != nil:
		return []models.Finding{{Level: models.Warning, About: about, Found: fmt.Sprintf("%s can't be used at %s: %v", english.Plural(elsewhere, "passkey", ""), config.URL, err), Fix: "set --url to the address that they were made at"}}
	case elsewhere > 0:
		return []models.Finding{{Level: models.Warning, About: about, Found: fmt.Sprintf("%d for %s, and %d made for another domain, which no browser offers here", here, domain, elsewhere), Fix: "set --passkey-domain to that domain if --url is below it, or have people create new ones"}}
	case here > 0:
		return []models.Finding{{Level: models.OK, About: about, Found: fmt.Sprintf("%d for %s", here, domain)}}
	}
	return nil
}

func examineURL(config Config, listen string) models.Finding {
	finding := models.Finding{Level: models.OK, About: "public URL", Found: config.URL.String()}
	host, _, _ := net.SplitHostPort(listen)
	switch {
	case config.URL.Scheme == "http" && !web.IsLocal(config.URL.Hostname()):
		finding.Level = models.Warning
		finding.Found += " is not encrypted: passwords and cookies can be read on the way"
		finding.Fix = "put a proxy with TLS in front and set --url https://…"
	case config.URL.Scheme == "https" && !web.IsLocal(host):
		finding.Level = models.Warning
		finding.Found += " is encrypted, but others can reach " + listen + " directly, unencrypted"
		finding.Fix = "listen where only the proxy can reach, such as --listen 127.0.0.1:3000"
	}
	return finding
}

func examineProxies(config Config) models.Finding {
	var networks []string
	for _, network := range config.TrustedProxies {
		networks = append(networks, network.String())
		if network.Bits() == 0 {
			return models.Finding{Level: models.Failed, About: "proxies", Found: "everybody is trusted as a proxy, and may claim any address", Fix: "name the proxy's own address with --trusted-proxy"}
		}
	}
	switch {
	case len(networks) > 0:
		return models.Finding{Level: models.OK, About: "proxies", Found: "trusted: " + strings.Join(networks, ", ")}
	case config.URL.Scheme == "https":
		return models.Finding{Level: models.Warning, About: "proxies", Found: "none is trusted, so every address is that of the proxy, and everybody shares one throttle", Fix: "name the proxy's address with --trusted-proxy"}
	}
	return models.Finding{Level: models.OK, About: "proxies", Found: "none"}
}

var misconfigured = regexp.MustCompile(`(?s)id="misconfigured"[^>]*>(.*?)</p>`)

// examineSite requests the sign-in page through the public URL and reads its warnings.
func examineSite(ctx context.Context, config Config, inUse bool) models.Finding {
	about := "site"
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, config.URL.String()+"/login", nil)
	if err != nil {
		return models.Finding{Level: models.Failed, About: about, Found: err.Error()}
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil && !inUse {
		return models.Finding{Level: models.OK, About: about, Found: "nothing answers at " + config.URL.String() + "; if the server listens elsewhere, give doctor the same --listen"}
	}
	if err != nil {
		return models.Finding{Level: models.Warning, About: about, Found: "can't be reached: " + err.Error(), Fix: "start it, check the proxy, or give doctor the same --listen and --url as the server"}
	}
	defer response.Body.Close()
	page, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err == nil && !inUse && response.Request.URL.Path == "/setup" && strings.Contains(string(page), `"/public/app.`) {
		return models.Finding{Level: models.OK, About: about, Found: "answers at " + config.URL.String() + ", and waits for the first account"}
	}
	if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(page), `"/public/app.`) {
		return models.Finding{Level: models.Failed, About: about, Found: fmt.Sprintf("%s/login answers %s instead of the sign-in page", config.URL, response.Status), Fix: "check where the proxy leads to"}
	}
	if said := misconfigured.FindSubmatch(page); said != nil {
		plain := strings.Join(strings.Fields(html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(string(said[1]), " "))), " ")
		return models.Finding{Level: models.Failed, About: about, Found: plain, Fix: "compare --url and --trusted-proxy with what the proxy sends"}
	}
	return models.Finding{Level: models.OK, About: about, Found: "answers at " + config.URL.String()}
}
