package command

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

type versionCommand struct{}

// Version is that of the last release.
const Version = "0.1.0"

func (versionCommand) Run(at console) error {
	revision := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				revision = " (" + setting.Value[:min(12, len(setting.Value))] + ")"
			}
		}
	}
	_, err := fmt.Fprintf(at.out, "daypass %s%s, %s, %s/%s\n", Version, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
