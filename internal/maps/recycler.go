package maps

import "github.com/rivetbpf/rivet/internal/rcu"

// recycler keeps what a map unlinked until nobody can hold it, and then hands it
// out again. Its user has a lock for it.
type recycler[T any] struct {
	rcu     *rcu.Domain
	free    []T
	waiting []retired[T] // the oldest first
}

type retired[T any] struct {
	what  T
	grace uint64
}

// get returns something to use again, if there is any.
func (r *recycler[T]) get() (what T, ok bool) {
	if len(r.free) == 0 {
		r.collect()
	}
	if len(r.free) == 0 {
		return what, false
	}
	what = r.free[len(r.free)-1]
	r.free = r.free[:len(r.free)-1]
	return what, true
}

// put takes what was never linked.
func (r *recycler[T]) put(what T) { r.free = append(r.free, what) }

// retire takes what was unlinked.
func (r *recycler[T]) retire(what T) { r.waiting = append(r.waiting, retired[T]{what, r.rcu.Retire()}) }

// collect frees all whose grace period is over.
func (r *recycler[T]) collect() {
	if len(r.waiting) == 0 {
		return
	}
	passed, n := r.rcu.Passed(), 0
	for ; n < len(r.waiting) && r.waiting[n].grace <= passed; n++ {
		r.free = append(r.free, r.waiting[n].what)
	}
	rest := copy(r.waiting, r.waiting[n:])
	clear(r.waiting[rest:])
	r.waiting = r.waiting[:rest]
}

// blockSize is what the arena sets aside for n bytes of their own.
func blockSize(n uint64) uint64 {
	if n >= 64 {
		return (n + 63) &^ 63
	}
	return (n + 7) &^ 7
}
