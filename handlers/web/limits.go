package web

import (
	"time"

	"daypass/models"
)

// The limits of a request (ASVS 5.0, 15.2.2).
const (
	// MaxBody is that of the sign-in, in bytes, which may carry a form that is as large
	// as a value in a session when it is encrypted. Other forms have models.MaxForm.
	MaxBody      = models.MaxValue + 16<<10
	MaxHeader    = 16 << 10 // bytes
	ReadTimeout  = 10 * time.Second
	WriteTimeout = 30 * time.Second
	IdleTimeout  = 60 * time.Second
)
