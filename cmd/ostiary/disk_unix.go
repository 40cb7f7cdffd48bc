//go:build unix

package main

import "syscall"

// diskFree gives the bytes that are free on the disk of a directory, or -1.
func diskFree(dir string) int64 {
	var st syscall.Statfs_t
	if syscall.Statfs(dir, &st) != nil {
		return -1
	}
	return int64(st.Bavail) * int64(st.Bsize) // types differ among systems
}
