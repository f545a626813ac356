package maps

import "github.com/rivetbpf/rivet/internal/bpf"

// Holder finds the value that a guest address lies in, for helpers that are given a part of a value.
type Holder interface {
	// Holds returns the address of the value of which addr is a part, 0 when there is none, and
	// writes its key to key.
	Holds(addr uint64, key []byte) (value uint64)
}

// LockedReader is a map whose values users can read under the bpf_spin_lock in them (BPF_F_LOCK).
type LockedReader interface {
	ReadLocked(key, value []byte) error
}

// readFields is what a lookup copies of a value that has special fields: all but them. The caller's
// value has zeros there.
func readFields(d *bpf.Map, dst, src []byte, locked bool) error {
	if locked {
		word := src[d.SpinLock():]
		if err := Lock(word, LockPatience, nil); err != nil {
			return EBUSY
		}
		defer Unlock(word)
	}
	bpf.ClearFields(d.Fields, dst)
	bpf.CopyFields(d.Fields, dst, src)
	return nil
}

// writeFields is what an update copies into a value that has special fields, under its lock if flags say so.
func writeFields(d *bpf.Map, dst, src []byte, flags uint64) error {
	if flags&FLock != 0 {
		word := dst[d.SpinLock():]
		if err := Lock(word, LockPatience, nil); err != nil {
			return EBUSY
		}
		defer Unlock(word)
	}
	bpf.CopyFields(d.Fields, dst, src)
	return nil
}
