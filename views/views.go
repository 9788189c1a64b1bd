// Package views holds the templates. A page composes itself of partials, and
// layouts/begin and layouts/end stand around it; no page defines a template.
package views

import "embed"

// FS holds the templates, one file a page.
//
//go:embed *.html layouts/*.html partials/*.html
var FS embed.FS
