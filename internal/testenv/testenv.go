// Package testenv finds the outside tools that tests compare with.
package testenv

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// EmulatorVar names the environment variable that holds the user-mode emulator
// under which a test binary runs, such as qemu-riscv64-static. `make
// test-riscv64` and `make test-arm64` set it.
const EmulatorVar = "RIVET_EMULATOR"

// Emulator returns the emulator under which the test runs, or "" on a host of
// its own architecture.
func Emulator() string { return os.Getenv(EmulatorVar) }

// SkipEmulated skips a test in suites of an emulated architecture: what it shows
// does not depend on the architecture, and the host's suite has shown it. Such a
// skip must be on the list in .ci/allowed-skips.
func SkipEmulated(t testing.TB, why string) {
	t.Helper()
	if e := Emulator(); e != "" {
		t.Skipf("%s; not repeated under %s", why, e)
	}
}

// NeedTool returns the path of a program. Without it the test is skipped, but
// fails where CI is set: there, a missing oracle must not look like agreement.
// Outside tools judge on the host's own architecture alone (see SkipEmulated).
func NeedTool(t testing.TB, name string) string {
	t.Helper()
	SkipEmulated(t, "compares with "+name)
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is not installed; install it (see README)", name)
	}
	t.Skipf("%s is not installed", name)
	return ""
}

// Reexec returns a directory with a program called name that runs this test
// binary, for a test that starts commands. On a host of its own architecture it
// returns "": the binary can be started as it is. An emulator starts what it is
// told to, but the host's kernel does not know the format of its programs.
func Reexec(t testing.TB, name string) string {
	t.Helper()
	if Emulator() == "" {
		return ""
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	script := "#!/bin/sh\nexec " + Emulator() + " -0 " + name + " " + quote(self) + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// quote makes s one word of the shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
