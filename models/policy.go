package models

import "time"

// The lengths of names, in characters (Unicode code points). What a username may
// consist of follows RFC 8265, section 3. The lengths of passwords are in package
// password.
const (
	MaxUsername   = 64
	MaxFullName   = 200
	MaxDeviceName = 40
)

// Bounds of what pages of your own store.
const (
	// MaxMoney is the largest amount, in minor units: sums of some ninety thousand of
	// them still fit into 64 bits.
	MaxMoney = 99_999_999_999_999
	// MaxEmail is how long an e-mail address may be (RFC 5321, section 4.5.3.1.3,
	// without the angle brackets).
	MaxEmail = 254
	// MaxLongText is how many characters a text of several lines may have.
	MaxLongText = 10_000
	// MaxForm is how many bytes a form may have (ASVS 5.0, 15.2.2): enough for a text of
	// MaxLongText characters in any script, which browsers send as up to 12 bytes each (4 in
	// UTF-8, each as 3), and some 11 kB of other fields.
	MaxForm = 128 << 10
	// MaxChoices is how many rows of another table a select offers.
	MaxChoices = 1_000
)

// What a site may call itself: a title that fits beside the menu, an icon that doesn't
// weigh more than all else on a first visit, in bytes and pixels, and a sentence or two.
const (
	MaxTitle     = 60
	MaxIcon      = 64 << 10
	MaxIconSide  = 1024
	MaxForgotten = 300
)

// DefaultThrottle is the default of the command line. Throttle says how many guesses
// that allows, and names the standards.
var DefaultThrottle = Throttle{Account: 5, Address: 20, Delay: time.Second, Longest: 15 * time.Minute}

// maxFailures is how many counts of failed sign-ins are stored, about 10 MB. When
// strangers make up more names than that, the counts that would be forgiven first are
// deleted. To push out the count of an account in this way takes more failures than
// can be hashed before it is forgiven anyway.
const maxFailures = 100_000

const (
	// attemptLifetime is how long the check of a password may take: several times what
	// the longest queue of the limiter does. Then the process that began it is taken for
	// killed, and others stop waiting for it.
	attemptLifetime = 30 * time.Second
	// askAgainAfter is how often a sign-in that waits for those of another process asks
	// whether they have ended: about as long as a hash takes, and up to twice that.
	askAgainAfter = 25 * time.Millisecond
	// readyTimeout is how long the health check waits for the database, and readyFor how
	// long what it has read counts.
	readyTimeout = 5 * time.Second
	readyFor     = time.Second
	// maxClockSkew is how far the clock of a server may be from that of the database:
	// sessions, links and delays end by either. From clockSkewWarning on, administrators
	// are told.
	maxClockSkew     = time.Minute
	clockSkewWarning = time.Second
)

const (
	// SecretVerifiesFirst is how long a new secret in the database only verifies: by then
	// every server has read it, even if one of its attempts failed, or its clock is off.
	SecretVerifiesFirst = 2 * time.Minute
	// SecretsReadEvery is how often a server reloads the secrets, and
	// SecretsReadAtMost how often it does when clients send unknown signatures, which wait
	// for SecretsReadWithin at most.
	SecretsReadEvery  = 30 * time.Second
	SecretsReadAtMost = time.Second
	SecretsReadWithin = 2 * time.Second
)

// MaxDrain is how long a server may wait for load balancers before it stops: longer than
// they take to notice, and shorter than supervisors wait before they kill it.
const MaxDrain = time.Minute

// PasswordTokenLifetime is how long a link works with which a person sets a password
// (ASVS 5.0, 6.4.1: an initial secret is short-lived and used once).
const PasswordTokenLifetime = 24 * time.Hour

const (
	// PendingFor is how long a sign-in waits for the second factor, or for setting one up,
	// and MaxTries how many wrong answers end it.
	PendingFor = 5 * time.Minute
	MaxTries   = 5
	// DefaultGrace is how long users may still sign in without a second factor that is required.
	DefaultGrace = 7 * 24 * time.Hour
	// MaxWrongCodes is how many wrong codes in a row an account may have in browsers that
	// it doesn't know: then codes count no more there. In those that it knows the same
	// number stops them, for whoever has stolen one. Of a million codes three count at
	// a time, so guessing reaches 0.03 % (NIST SP 800-63B-4, section 3.2.2; ASVS 5.0, 6.6.3).
	MaxWrongCodes = 100
	// AlarmingCodes is from how many wrong codes on their user is told that somebody has
	// the password.
	AlarmingCodes = 10
	// RecoveryCodes is how many are made at a time, RecoveryCodeLength how many letters of
	// base32 each has (120 bits; NIST SP 800-63B-4, section 3.1.2.1, asks for 64), and
	// FewRecoveryCodes how few are left when their user is reminded.
	RecoveryCodes      = 10
	RecoveryCodeLength = 24
	FewRecoveryCodes   = 3
	// MaxPasskeys is how many passkeys a user can have, and ChallengeFor how long one may
	// be used to answer (WebAuthn Level 3, section 15.1, recommends 5 to 10 minutes).
	MaxPasskeys  = 20
	ChallengeFor = 5 * time.Minute
)

const (
	// ConfirmedFor is how long the factors that were given count for sensitive changes
	// (ASVS 5.0, 7.5.3), and how long a form waits for them.
	ConfirmedFor = 15 * time.Minute
	// MaxWaitingForms is how many forms wait for that in one session, one in each tab.
	MaxWaitingForms = 5
	// CarriedFor is how long a form whose session has ended is carried by the sign-in page.
	CarriedFor = time.Hour
	// LinkShownFor is how long a password link is shown to the session that created it.
	LinkShownFor = 15 * time.Minute
	// ChecksPerSecond is how many new passwords of a user are judged per second while
	// they are typed. Each may take as long as a hash, so that this is a part of one core.
	ChecksPerSecond = 8
)

const (
	// MaxSessions is how many sessions a user can have. A further sign-in ends the
	// one that was not used for the longest time.
	MaxSessions = 100
	// MaxDevices is how many devices a user can have names for, and DeviceLifetime how
	// long a browser is known: as long as browsers keep a cookie (RFC 6265bis, section 5.5).
	MaxDevices     = 100
	DeviceLifetime = 400 * 24 * time.Hour
	// MaxChosen is how many rows of a list can be changed at once.
	MaxChosen = 100
	// MaxCounted is how far the rows of a list are counted: a page says "10,000 or more".
	MaxCounted = 10_000
	// MaxValue is how many bytes a value in a session may have: enough for the largest
	// form (MaxForm) that waits for a password, with the addresses it came with (at most
	// web.MaxHeader), encrypted and in base64, which makes four bytes of three.
	MaxValue = 200 << 10
	// InUseWithin is how recently a session must have been active to count as in use, and
	// EndsSoonWithin how soon one ends that is listed as ending soon.
	InUseWithin    = time.Hour
	EndsSoonWithin = time.Hour
	// lastSeenInterval is how precisely the database knows when a session was last
	// seen: it costs at most one write per minute and session.
	lastSeenInterval = time.Minute
	// lastSeenWrites is how often that is written.
	lastSeenWrites = 5 * time.Second
)

const (
	// MaxWatchers is how many may watch one session.
	MaxWatchers = 16
	// MaxWatchersPerUser is how many may watch the sessions of one user.
	MaxWatchersPerUser = 100
	// pollInterval is how often watched sessions are checked: half the time within
	// which an open page has to notice that its session has ended.
	pollInterval = time.Second
)

const (
	// DefaultKeepEvents is how long events are kept, unless the command line says otherwise.
	DefaultKeepEvents = 365 * 24 * time.Hour
	// repeatWithin is how long after an event a similar one is counted in its row.
	repeatWithin = time.Minute
	// mistypingWithin is how long before a sign-in its browser's own failures are
	// excused, and maxMistyping is how many of them: as many as are free of delay, and
	// a few after a delay.
	mistypingWithin = 15 * time.Minute
	maxMistyping    = 10
	// alarmsShown is how many sign-ins with new browsers, and changes to the second
	// factors, the user is asked about at once.
	alarmsShown = 3
	// eventsPerMinute is how many rows per minute the events of one kind get, by one
	// author on one user, regardless of address and browser: clients choose the name
	// of their browser freely.
	eventsPerMinute = 10
)
