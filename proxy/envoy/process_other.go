//go:build unix && !linux

package envoy

import "syscall"

// dieWithUs gives Envoy a group of its own. Only Linux can have it killed when
// we die; elsewhere an orphan refuses everything, for its policy server is gone.
func dieWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
