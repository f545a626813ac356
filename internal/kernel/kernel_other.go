//go:build !linux

package kernel

import (
	"encoding/json"
	"fmt"
	"runtime"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/engine"
)

// Collection has no instances on this host.
type Collection struct{}

var errHost = fmt.Errorf("programs in the kernel on %s: %w; that is Linux's", runtime.GOOS, engine.ErrUnsupported)

// Load says that the host's kernel is not Linux.
func Load(*ebpf.CollectionSpec) (*Collection, error) { return nil, errHost }

// Run does not happen.
func (*Collection) Run(string, Input) (Result, error) { return Result{}, errHost }

// Set does not happen.
func (*Collection) Set(string, uint32, string) error { return errHost }

// Dump does not happen.
func (*Collection) Dump(string) (json.RawMessage, error) { return nil, errHost }

// Close does nothing.
func (*Collection) Close() {}

// Release is that of a Linux kernel.
func Release() string { return "" }
