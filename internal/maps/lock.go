package maps

import (
	"errors"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"
)

// Errors of [Lock].
var (
	ErrLockStuck   = errors.New("the lock is held and nobody gives it back")
	ErrLockStopped = errors.New("stopped while waiting for the lock")
)

// LockPatience is how long a lock is waited for. Programs hold one for a few instructions; only memory
// that was overwritten keeps a lock for ever.
const LockPatience = 2 * time.Second

// How waiting for a lock goes on: first at once, then letting others run, then asleep.
const (
	lockSpins  = 64
	lockYields = 4096
	lockSleep  = 50 * time.Microsecond
)

// Lock takes the bpf_spin_lock in word, 4 bytes of guest memory at a multiple of 4, and waits until it
// is free. stop, if not nil, is asked now and then whether to give up.
func Lock(word []byte, patience time.Duration, stop func() bool) error {
	w := (*uint32)(unsafe.Pointer(&word[0]))
	var until time.Time
	for n := 0; !atomic.CompareAndSwapUint32(w, 0, 1); n++ {
		switch {
		case n < lockSpins:
			continue
		case n < lockYields:
			runtime.Gosched()
		default:
			time.Sleep(lockSleep)
		}
		if n%lockSpins != 0 {
			continue
		}
		if stop != nil && stop() {
			return ErrLockStopped
		}
		if until.IsZero() {
			until = time.Now().Add(patience)
		} else if time.Now().After(until) {
			return ErrLockStuck
		}
	}
	return nil
}

// Unlock gives a lock back.
func Unlock(word []byte) { atomic.StoreUint32((*uint32)(unsafe.Pointer(&word[0])), 0) }
