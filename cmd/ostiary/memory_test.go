package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMemoryAllowed(t *testing.T) {
	const meminfo = "MemTotal:        8000000 kB\nMemFree:          100000 kB\n"
	for name, tt := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"no files":          {nil, 0},
		"the machine's":     {map[string]string{"proc/meminfo": meminfo}, 8000000 << 10},
		"an unlimited one":  {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "max\n"}, 8000000 << 10},
		"version 2":         {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "3000000\n", "sys/fs/cgroup/a/memory.max": "2000000\n"}, 2000000},
		"in a container":    {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/not/seen\n", "sys/fs/cgroup/memory.max": "5000000\n"}, 5000000},
		"version 1":         {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "7:blkio:/x\n4:memory:/x\n", "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "4000000\n"}, 4000000},
		"without a limit":   {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "4:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 8000000 << 10},
		"what is not known": {map[string]string{"proc/meminfo": "MemTotal: many kB\n", "proc/self/cgroup": "x\n0::"}, 0},
	} {
		root := t.TempDir()
		for file, text := range tt.files {
			file = filepath.Join(root, file)
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := memoryAllowed(root); got != tt.want {
			t.Errorf("%s: %d bytes, want %d", name, got, tt.want)
		}
	}
}
