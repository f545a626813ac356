package native

import (
	"errors"
	"sync"
)

// held is the memory of an engine that Go does not manage: code and control
// stacks. It knows no engine, so that it can be given back once the engine is
// out of reach.
type held struct {
	mu      sync.Mutex
	code    []byte // executable
	idle    []*machine
	running int
	closed  bool
}

var errClosed = errors.New("the engine is closed")

// get takes a machine for a run.
func (h *held) get() (*machine, error) {
	h.mu.Lock()
	if h.closed && h.running == 0 {
		h.mu.Unlock()
		return nil, errClosed
	}
	h.running++
	if n := len(h.idle); n > 0 {
		m := h.idle[n-1]
		h.idle = h.idle[:n-1]
		h.mu.Unlock()
		return m, nil
	}
	h.mu.Unlock()
	m, err := newMachine()
	if err != nil {
		h.put(nil)
	}
	return m, err
}

// put takes a machine back; nil when the run had none.
func (h *held) put(m *machine) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if m != nil {
		h.idle = append(h.idle, m)
	}
	h.running--
	h.release()
}

func (h *held) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	h.release()
}

// release unmaps everything once nothing runs any more.
func (h *held) release() {
	if !h.closed || h.running > 0 {
		return
	}
	for _, m := range h.idle {
		m.free()
	}
	h.idle = nil
	if h.code != nil {
		unmap(h.code)
		h.code = nil
	}
}
