package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// maxSystemFile bounds what is read of one file of the system.
const maxSystemFile = 64 << 10

// memoryAllowed gives the bytes of memory that this process may use: the machine's,
// or the limit of its control group (cgroups(7)) where that is lower; 0 where
// neither can be read.
func memoryAllowed(root string) int64 {
	least := int64(0)
	take := func(n int64) {
		if n > 0 && (least == 0 || n < least) {
			least = n
		}
	}
	for line := range strings.Lines(systemFile(filepath.Join(root, "proc/meminfo"))) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "MemTotal:" {
			n, _ := strconv.ParseInt(f[1], 10, 64)
			take(n << 10)
		}
	}
	for line := range strings.Lines(systemFile(filepath.Join(root, "proc/self/cgroup"))) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(part) != 3 {
			continue
		}
		dir, file := "sys/fs/cgroup", "memory.max" // version 2
		if part[0] != "0" {
			if part[1] != "memory" {
				continue
			}
			dir, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		}
		// Every group above bounds it too. In a container the own group's path is
		// often not to be seen, and its root is the group.
		for path := filepath.Clean("/" + part[2]); ; path = filepath.Dir(path) {
			n, _ := strconv.ParseInt(strings.TrimSpace(systemFile(filepath.Join(root, dir, path, file))), 10, 64)
			take(n)
			if path == "/" {
				break
			}
		}
	}
	return least
}

func systemFile(name string) string {
	f, err := os.Open(name)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	b := make([]byte, maxSystemFile)
	n, _ := f.Read(b)
	return string(bytes.TrimRight(b[:n], "\x00"))
}
