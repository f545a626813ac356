package native

import (
	"errors"
	"sync"

	"github.com/rivetbpf/rivet/internal/idle"
)

// held is the memory of an engine that Go does not manage: code and control
// stacks. It knows no engine, so that it can be given back once the engine is
// out of reach.
type held struct {
	spot  idle.Spot // for the first machine; barred once closed
	first *machine

	mu     sync.Mutex
	code   []byte // executable
	idle   []*machine
	made   int // machines; those that are not idle are in use
	closed bool
}

var errClosed = errors.New("the engine is closed")

// ready takes a machine for a run if one lies ready. Otherwise it returns nil, and
// find must find one.
func (h *held) ready() *machine {
	if h.spot.Take() != 0 {
		return h.first
	}
	return nil
}

// find takes a machine for a run. An engine that is closed has them for runs
// within runs only.
func (h *held) find() (*machine, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed && h.release() {
		return nil, errClosed
	}
	if n := len(h.idle); n > 0 {
		m := h.idle[n-1]
		h.idle = h.idle[:n-1]
		return m, nil
	}
	m, err := newMachine()
	if err != nil {
		return nil, err
	}
	if h.made++; h.first == nil {
		h.first, m.first = m, true
	}
	return m, nil
}

func (h *held) put(m *machine) {
	if !m.first || !h.spot.Leave(1) {
		h.list(m)
	}
}

// list takes m back where the spot is taken, barred or not for m.
func (h *held) list(m *machine) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.idle = append(h.idle, m)
	if h.closed {
		h.release()
	}
}

func (h *held) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	h.release()
}

// release unmaps everything if nothing runs any more. The engine is closed and
// the lock is held.
func (h *held) release() (done bool) {
	if h.spot.Bar() != 0 {
		h.idle = append(h.idle, h.first)
	}
	if len(h.idle) < h.made {
		return false
	}
	for _, m := range h.idle {
		m.free()
	}
	h.idle, h.first, h.made = nil, nil, 0
	if h.code != nil {
		unmap(h.code)
		h.code = nil
	}
	return true
}
