package render

import (
	"testing"
	"testing/fstest"
)

// TestCommentsAreNotSent, unless they are licences or stand behind something.
func TestCommentsAreNotSent(t *testing.T) {
	for name, file := range map[string]struct{ is, sent string }{
		"a.css": {"/* ours\n * too */\n/*! licence */\na{b:url(/*)}\n\t/* inside */\nc{} /* behind */\n", "/*! licence */\na{b:url(/*)}\nc{} /* behind */\n"},
		"a.js":  {"// ours\n//! licence\n\t// inside\ng() // behind\n", "//! licence\ng() // behind\n"},
		"a.svg": {"// a picture\n", "// a picture\n"},
	} {
		assets, err := loadAssets(fstest.MapFS{name: {Data: []byte(file.is)}}, nil, packed)
		if err != nil {
			t.Fatal(err)
		}
		for served, asset := range assets.byName {
			if string(asset.plain) != file.sent {
				t.Errorf("%s is %q, want %q", served, asset.plain, file.sent)
			}
		}
	}
}
