// Daypass is a login-protected dashboard in one binary with an embedded
// database. Run alone it serves; "daypass --help" lists the rest.
package main

import (
	"daypass/handlers/command"
)

func main() { command.Main() }
