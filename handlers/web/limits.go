package web

import (
	"time"
)

// The limits of a request (ASVS 5.0, 15.2.2).
const (
	MaxBody      = 64 << 10 // bytes
	MaxHeader    = 16 << 10 // bytes
	ReadTimeout  = 10 * time.Second
	WriteTimeout = 30 * time.Second
	IdleTimeout  = 60 * time.Second
)
