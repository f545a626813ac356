// Package testenv finds the outside tools that tests compare with.
package testenv

import (
	"os"
	"os/exec"
	"testing"
)

// NeedTool returns the path of a program. Without it the test is skipped, but
// fails where CI is set: there, a missing oracle must not look like agreement.
func NeedTool(t testing.TB, name string) string {
	t.Helper()
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
