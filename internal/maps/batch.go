package maps

import "runtime"

// Batcher is a map whose users read, or take, whole chains of entries at once.
type Batcher interface {
	// ReadBatch copies entries from chain number from on, as many chains as fit keys and values, and deletes
	// them if take says so. It returns how many entries they are and the chain to go on with. At the end the
	// error is ENOENT, also with entries; where not even one chain fits it is ENOSPC.
	ReadBatch(from uint32, keys, values []byte, take, locked bool) (n int, next uint32, err error)
}

// ReadBatch is __htab_map_lookup_and_delete_batch.
func (h *hash) ReadBatch(from uint32, keys, values []byte, take, locked bool) (n int, next uint32, err error) {
	defer runtime.KeepAlive(h)
	r := h.env.RCU.Enter()
	defer h.env.RCU.Exit(r)
	keySize, valueSize := int(h.def.KeySize), int(h.def.ValueSize)
	if h.perCPU {
		valueSize = int(h.stride * h.cpus)
	}
	for from <= h.mask {
		p, s, ok := h.first(from)
		if !ok {
			break
		}
		chain := h.chain(&p)
		if room := len(keys)/keySize - n; len(chain) > room {
			s.Unlock()
			if n == 0 {
				return 0, from, ENOSPC
			}
			return n, from, nil
		}
		from = uint32(p.link.Load())&h.mask + 1
		for i := range chain {
			p := &chain[i]
			copy(keys[n*keySize:], p.bytes(0, uint64(keySize)))
			if err := h.copyOut(values[n*valueSize:(n+1)*valueSize], p, locked); err != nil {
				s.Unlock()
				return n, from, err
			}
			if take {
				h.unlinkAt(p, uint32(p.link.Load()))
			}
			n++
		}
		s.Unlock()
		if take {
			h.end(chain)
		}
	}
	return n, h.mask + 1, ENOENT
}

// chain returns the elements from p on. The chain's lock is held.
func (h *hash) chain(p *place) (all []place) {
	for n := p.number; n&end == 0; n = h.next(n) {
		all = append(all, h.at(n))
	}
	return all
}

// end ends elements that were unlinked.
func (h *hash) end(all []place) {
	for i := range all {
		h.release(&all[i], everyCPU)
		h.retire(all[i].number)
	}
}
