//go:build !unix

package web

// maxFiles is not known here.
func maxFiles() int { return 0 }
