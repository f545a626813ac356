package helpers

import (
	"errors"
	"fmt"
	"time"

	"github.com/rivetbpf/rivet/internal/maps"
)

// Locks in values: enum bpf_func_id 93 and 94 (kernel/bpf/helpers.c), and the resilient ones
// (kernel/bpf/rqspinlock.c).
var lockHelpers = []*Helper{
	{ID: 93, Name: "spin_lock", Fn: spinLock, Args: []Arg{{Name: "lock", Kind: MemW, Size: 4}}},
	{ID: 94, Name: "spin_unlock", Fn: unlock, Args: []Arg{{Name: "lock", Kind: MemW, Size: 4}}},
	{Name: "bpf_res_spin_lock", Fn: resSpinLock, Args: []Arg{{Name: "lock", Kind: MemW, Size: 4}}},
	{Name: "bpf_res_spin_unlock", Fn: unlock, Args: []Arg{{Name: "lock", Kind: MemW, Size: 4}}},
	{Name: "bpf_res_spin_lock_irqsave", Fn: resSpinLock,
		Args: []Arg{{Name: "lock", Kind: MemW, Size: 4}, {Name: "flags", Kind: MemW, Size: 8}}},
	{Name: "bpf_res_spin_unlock_irqrestore", Fn: unlock,
		Args: []Arg{{Name: "lock", Kind: MemW, Size: 4}, {Name: "flags", Kind: Mem, Size: 8}}},
}

// maxHeld is how many locks a run may hold (RES_NR_HELD).
const maxHeld = 31

// held are the addresses of the locks that a run holds.
type held struct {
	n     int
	locks [maxHeld]uint64
}

func (h *held) find(addr uint64) int {
	for i := h.n - 1; i >= 0; i-- {
		if h.locks[i] == addr {
			return i
		}
	}
	return -1
}

func (h *held) remove(i int) {
	copy(h.locks[i:h.n], h.locks[i+1:h.n])
	h.n--
}

// spinLock waits until the lock is free. The verifier makes sure that a program holds one lock at most.
func spinLock(c *Call) (uint64, error) {
	if err := c.aligned(0, 4); err != nil {
		return 0, err
	}
	r := c.Run
	switch {
	case r.held.find(c.Args[0]) >= 0:
		return 0, c.bad(0, 0, "the run holds this lock already")
	case r.held.n > 0:
		return 0, c.bad(0, 0, "the run holds another lock: only one bpf_spin_lock may be held at a time")
	}
	if err := maps.Lock(c.Mem[0], maps.LockPatience, r.stopped); err != nil {
		return 0, fmt.Errorf("%s: lock at %#x: %w", c.Helper.Name, c.Args[0], err)
	}
	r.held.locks[0], r.held.n = c.Args[0], 1
	return 0, nil
}

// resTimeout is RES_DEF_TIMEOUT: how long a resilient lock is waited for.
const resTimeout = 250 * time.Millisecond

// resSpinLock is bpf_res_spin_lock: a lock that the run holds itself is EDEADLK, one that does not
// become free in time ETIMEDOUT.
func resSpinLock(c *Call) (uint64, error) {
	if err := c.aligned(0, 4); err != nil {
		return 0, err
	}
	r := c.Run
	switch {
	case r.held.find(c.Args[0]) >= 0:
		return maps.Guest(maps.EDEADLK), nil
	case r.held.n == maxHeld:
		return maps.Guest(maps.EDEADLK), nil
	}
	switch err := maps.Lock(c.Mem[0], resTimeout, r.stopped); {
	case errors.Is(err, maps.ErrLockStuck):
		return maps.Guest(maps.ETIMEDOUT), nil
	case err != nil:
		return 0, fmt.Errorf("%s: lock at %#x: %w", c.Helper.Name, c.Args[0], err)
	}
	r.held.locks[r.held.n] = c.Args[0]
	r.held.n++
	return 0, nil
}

func unlock(c *Call) (uint64, error) {
	i := c.Run.held.find(c.Args[0])
	if i < 0 {
		return 0, c.bad(0, 0, "the run does not hold this lock")
	}
	maps.Unlock(c.Mem[0])
	c.Run.held.remove(i)
	return 0, nil
}

// releaseLocks gives back what a run that ended in the middle still holds.
func (r *Run) releaseLocks() {
	for ; r.held.n > 0; r.held.n-- {
		if b, ok := r.World.Arena.Bytes(r.held.locks[r.held.n-1], 4); ok {
			maps.Unlock(b)
		}
	}
}

// stopped reports whether the run's context has ended.
func (r *Run) stopped() bool { return r.Context != nil && r.Context.Err() != nil }

// aligned refuses a pointer that is no multiple of n.
func (c *Call) aligned(i int, n uint64) error {
	if c.Args[i]%n != 0 {
		return c.bad(i, n, fmt.Sprintf("not a multiple of %d", n))
	}
	return nil
}
