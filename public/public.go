// Package public holds what is sent as it is: styles, scripts and pictures.
package public

import "embed"

// FS holds the files of this folder. They are served under hashed names.
//
//go:embed *.css *.js *.svg favicon.ico
var FS embed.FS
