package maps

import "sync"

// lru says which element of a full LRU hash makes room: the oldest that was not looked up since it was
// put in, or since it was last spared (the second chance of Corbató's clock). Linux has two lists, of the
// active and the inactive (kernel/bpf/bpf_lru_list.c), and frees several at once: which of the old
// elements go differs, that those in use stay does not.
//
// With BPF_F_NO_COMMON_LRU each processor has a share of the elements, and makes room in it alone.
type lru struct {
	mu    sync.Mutex // taken last of all
	lists []ageList
}

// ageList holds elements, the oldest first.
type ageList struct {
	oldest, newest uint32
	count, most    uint32
}

// age is an element's place in a list.
type age struct {
	older, newer uint32
	list         uint32
	listed       bool
}

func newLRU(entries uint32, lists int) *lru {
	l := &lru{lists: make([]ageList, lists)}
	for i := range l.lists {
		l.lists[i].most = entries / uint32(lists)
	}
	return l
}

func (s *elements) age(n uint32) *age {
	return &(*s.chunks.Load())[(n-1)>>s.shift].ages[(n-1)&(1<<s.shift-1)]
}

// reserve counts an element that is to be put in; ok is false when there is no room.
func (l *lru) reserve(list uint32) (ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lists[list].count >= l.lists[list].most {
		return false
	}
	l.lists[list].count++
	return true
}

// unreserve takes that back.
func (l *lru) unreserve(list uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lists[list].count--
}

// add makes a counted element the newest of a list.
func (l *lru) add(s *elements, n, list uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.push(s, n, list)
}

func (l *lru) push(s *elements, n, list uint32) {
	a, to := s.age(n), &l.lists[list]
	*a = age{older: to.newest, list: list, listed: true}
	if to.newest != 0 {
		s.age(to.newest).newer = n
	} else {
		to.oldest = n
	}
	to.newest = n
}

// take takes an element out of its list, if it is in one.
func (l *lru) take(s *elements, n uint32) {
	a := s.age(n)
	if !a.listed {
		return
	}
	from := &l.lists[a.list]
	if a.older != 0 {
		s.age(a.older).newer = a.newer
	} else {
		from.oldest = a.newer
	}
	if a.newer != 0 {
		s.age(a.newer).older = a.older
	} else {
		from.newest = a.older
	}
	a.listed = false
}

// remove forgets an element that was unlinked.
func (l *lru) remove(s *elements, n uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.take(s, n)
	l.lists[s.age(n).list].count--
}

// replace puts one in the place that another one had, as the newest.
func (l *lru) replace(s *elements, old, by uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.take(s, old)
	l.push(s, by, s.age(old).list)
}

// victim takes the element that is to go out of its list; ok is false when others are just making room.
func (l *lru) victim(s *elements, list uint32) (p place, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	from := &l.lists[list]
	for spared := uint32(0); from.oldest != 0; spared++ {
		p = s.at(from.oldest)
		l.take(s, p.number)
		if p.used.Load() == 0 || spared >= from.most {
			return p, true
		}
		p.used.Store(0)
		l.push(s, p.number, list)
	}
	return p, false
}

// count is how many elements there are.
func (l *lru) count() (n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.lists {
		n += int64(l.lists[i].count)
	}
	return n
}
