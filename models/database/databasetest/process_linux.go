package databasetest

import "syscall"

// endWithParent ends the server with the test binary, if that is killed.
func endWithParent(attributes *syscall.SysProcAttr) { attributes.Pdeathsig = syscall.SIGQUIT }
