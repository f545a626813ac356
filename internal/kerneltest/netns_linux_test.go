package kerneltest

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rivetbpf/rivet/internal/testenv"
)

// enterNamespace puts this thread, and with it the test's goroutine, into a new network namespace that is made by
// commands of ip(8), and "sysctl NAME VALUE"; without commands it does nothing. What it returns leads back.
func enterNamespace(t *testing.T, commands []string) (leave func()) {
	t.Helper()
	if commands == nil {
		return func() {}
	}
	ip := testenv.NeedTool(t, "ip")
	runtime.LockOSThread()
	before, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatalf("a new network namespace: %v", err)
	}
	leave = func() {
		defer unix.Close(before)
		if err := unix.Setns(before, unix.CLONE_NEWNET); err != nil {
			t.Fatal(err) // the thread stays locked, and ends with the goroutine
		}
		runtime.UnlockOSThread()
	}
	for _, c := range commands {
		if name, value, ok := strings.Cut(strings.TrimPrefix(c, "sysctl "), " "); ok && strings.HasPrefix(c, "sysctl ") {
			if err := os.WriteFile("/proc/sys/"+name, []byte(value), 0o644); err != nil {
				leave()
				t.Fatal(err)
			}
			continue
		}
		if out, err := exec.Command(ip, strings.Fields(c)...).CombinedOutput(); err != nil {
			leave()
			t.Fatalf("ip %s: %v: %s", c, err, out)
		}
	}
	return leave
}
