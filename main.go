// Daypass is a login-protected dashboard in one binary with an embedded
// database. Run alone it serves; "daypass --help" lists the rest.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"daypass/handlers/command"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(command.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
