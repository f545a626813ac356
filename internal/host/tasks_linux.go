package host

import (
	"bufio"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// cgroups are the ids of this process' version 2 cgroups: a cgroup's id is its directory's
// inode number.
func cgroups() (ids []uint64) {
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil
	}
	root := cgroupRoot()
	for line := range strings.Lines(string(b)) {
		own, ok := strings.CutPrefix(strings.TrimSpace(line), "0::")
		if !ok || root == "" {
			continue
		}
		at := root
		for _, name := range append([]string{""}, strings.Split(strings.Trim(own, "/"), "/")...) {
			at = path.Join(at, name)
			if name == "" && at != root {
				continue
			}
			var st unix.Stat_t
			if unix.Stat(at, &st) != nil {
				return nil // hidden from this process
			}
			if n := len(ids); n == 0 || ids[n-1] != st.Ino {
				ids = append(ids, st.Ino)
			}
		}
	}
	return ids
}

// cgroupRoot is where the version 2 hierarchy is mounted; "" where it is not.
func cgroupRoot() string {
	f, err := os.Open("/proc/self/mounts")
	if err != nil {
		return ""
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if f := strings.Fields(s.Text()); len(f) > 2 && f[2] == "cgroup2" {
			return f[1]
		}
	}
	return ""
}

func pidNamespace(pid uint32) PIDNamespace {
	var st unix.Stat_t
	if unix.Stat("/proc/self/ns/pid", &st) != nil {
		return PIDNamespace{}
	}
	return PIDNamespace{Dev: uint64(st.Dev), Ino: st.Ino, PID: pid, TGID: pid}
}
