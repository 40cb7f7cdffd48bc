package envoy

import "syscall"

// dieWithUs gives Envoy a group of its own, so that a terminal's interrupt
// reaches us alone and we can drain, and has the kernel kill it when we die.
func dieWithUs() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
