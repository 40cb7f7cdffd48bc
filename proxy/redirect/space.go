package redirect

import (
	"io"
	"os"
)

// Port is where redirected connections arrive in a [Space].
const Port = 15001

// Mount is a file that a command sees in the place of another. Both exist.
type Mount struct {
	From, To string
}

// SpaceOptions say what a [Space] is made for.
type SpaceOptions struct {
	// Self are the program, by its path, and arguments with which this program calls
	// [Inside] at once.
	Self []string
	// Command is looked up in the PATH of Env.
	Command []string
	Env     []string
	Dir     string // "" for the present one
	Mounts  []Mount
	// UID, GID and Groups are whom the command runs as, where the process is root. A
	// negative UID leaves it as it is.
	UID, GID int
	Groups   []int
	// Ports are the TCP ports that are redirected.
	Ports []uint16

	Stdin          *os.File
	Stdout, Stderr *os.File
}

// order is what the one that makes a space tells the one inside.
type order struct {
	Command []string `json:"command"`
	Env     []string `json:"env"`
	Dir     string   `json:"dir"`
	Mounts  []Mount  `json:"mounts"`
	Rules   Rules    `json:"rules"`
	UID     int      `json:"uid"`
	GID     int      `json:"gid"`
	Groups  []int    `json:"groups"`
}

// Bounds of what passes between the two.
const (
	maxOrder  = 16 << 20 // the kernel bounds arguments and environment far below
	maxReport = 4096
)

// closeAll closes what there is.
func closeAll[T io.Closer](list ...T) {
	for _, c := range list {
		_ = c.Close()
	}
}
