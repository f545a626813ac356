// Package rcu tells writers when what they unlinked can no longer be held by
// anyone, as Linux's read-copy-update does for maps: readers announce
// themselves and take no lock, writers wait with the reuse of memory until all
// who read at the time are gone.
//
// It is epoch-based reclamation (Fraser, Practical lock-freedom, 2004, section 5.2.3).
package rcu

import (
	"sync"
	"sync/atomic"
)

// Domain is one set of readers and writers. The zero value is ready to use.
type Domain struct {
	epoch atomic.Uint64 // how many times something was retired

	mu      sync.Mutex
	readers []*Reader // never shorter
	idle    []*Reader // of Enter
}

// Reader is somebody who reads now and then, one time after the other.
type Reader struct {
	since atomic.Uint64 // the epoch it entered in, plus 1; 0: not reading
	_     [56]byte      // a cache line of its own
}

// NewReader adds a reader.
func (d *Domain) NewReader() *Reader {
	r := new(Reader)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.readers = append(d.readers, r)
	return r
}

// Enter begins a read: what is found linked from now on stays what it is until Exit.
func (r *Reader) Enter(d *Domain) { r.since.Store(d.epoch.Load() + 1) }

// Exit ends it.
func (r *Reader) Exit() { r.since.Store(0) }

// Enter begins a read of somebody who has no Reader of his own; [Domain.Exit] takes it back.
func (d *Domain) Enter() *Reader {
	d.mu.Lock()
	var r *Reader
	if n := len(d.idle); n > 0 {
		r, d.idle = d.idle[n-1], d.idle[:n-1]
	} else {
		r = new(Reader)
		d.readers = append(d.readers, r)
	}
	d.mu.Unlock()
	r.Enter(d)
	return r
}

// Exit ends a read begun with [Domain.Enter].
func (d *Domain) Exit(r *Reader) {
	r.Exit()
	d.mu.Lock()
	d.idle = append(d.idle, r)
	d.mu.Unlock()
}

// Retire is called after something was unlinked. It returns the grace period to ask Passed about.
func (d *Domain) Retire() (grace uint64) { return d.epoch.Add(1) }

// Passed reports the latest grace period that is over: everything retired
// in it, or before, is held by nobody.
func (d *Domain) Passed() (grace uint64) {
	oldest := d.epoch.Load()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range d.readers {
		if s := r.since.Load(); s != 0 {
			oldest = min(oldest, s-1)
		}
	}
	return oldest
}
