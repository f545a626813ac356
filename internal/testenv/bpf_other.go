//go:build !linux

package testenv

import (
	"runtime"
	"testing"
)

// NeedBPF skips a test that compares with Linux.
func NeedBPF(t testing.TB) {
	t.Helper()
	t.Skipf("compares with Linux; this is %s", runtime.GOOS)
}
