package kerneltest

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rivetbpf/rivet/internal/testenv"
)

// enterNamespace puts this thread, and with it the test's goroutine, into a new network namespace that is made by
// commands of ip(8), "sysctl NAME VALUE" and "until TEXT COMMAND"; without commands it does nothing. What it returns leads back.
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
		if err := configure(ip, c); err != nil {
			leave()
			t.Fatal(err)
		}
	}
	return leave
}

// configure does one command in the thread's namespace.
func configure(ip, command string) error {
	words := strings.Fields(command)
	switch words[0] {
	case "sysctl":
		return os.WriteFile("/proc/sys/"+words[1], []byte(words[2]), 0o644)
	case "until":
		return await(ip, words[1], words[2:])
	}
	out, err := exec.Command(ip, words...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", command, err, out)
	}
	return nil
}

// await repeats a command until it prints text: the kernel adds some routes in its own time.
func await(ip, text string, words []string) error {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		out, err := exec.Command(ip, words...).CombinedOutput()
		if err == nil && strings.Contains(string(out), text) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("ip %s does not print %q: %v: %s", strings.Join(words, " "), text, err, out)
		}
	}
}
