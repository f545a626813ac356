package maps

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// LPM trie: the longest of the prefixes that match a key (kernel/bpf/lpm_trie.c).
//
// A key is a length in bits, as a 32-bit word, and as many bytes as the longest
// prefix has. Nodes are Go's memory, so that no guest can bend the trie; values
// are the arena's. Lookups follow atomic pointers and take no lock. Whoever changes
// the trie holds its lock; a node that was unlinked is used again after a grace period.
var lpmKind = Kind{
	Type:  ebpf.LPMTrie,
	Guest: true,
	Frees: true,
	Check: checkLPM,
	Memory: func(d *bpf.Map, _ int) Need {
		// An update takes a new value before the old one can be used again.
		spare := min(uint64(d.MaxEntries), lpmSpare)
		return Need{More: blockSize(d.Stride()) * (uint64(d.MaxEntries) + spare)}
	},
	New: newLPM,
}

// Bounds of keys and values: LPM_DATA_SIZE_MAX, KMALLOC_MAX_SIZE.
const (
	lpmMaxData  = 256
	lpmMaxValue = 4<<20 - lpmMaxData - 40
	lpmSpare    = 1024 // values that may wait for the end of a grace period
)

// checkLPM is trie_alloc.
func checkLPM(d *bpf.Map) error {
	const allowed = FNoPrealloc | FNumaNode | accessMask
	switch {
	case d.MaxEntries == 0:
		return fmt.Errorf("max_entries is 0")
	case d.Flags&FNoPrealloc == 0:
		return fmt.Errorf("flags are %#x, must have BPF_F_NO_PREALLOC", d.Flags)
	case d.Flags&^uint32(allowed) != 0:
		return fmt.Errorf("unknown flags %#x", d.Flags&^uint32(allowed))
	case d.KeySize < 5 || d.KeySize > 4+lpmMaxData:
		return fmt.Errorf("key size is %d, must be between 5 and %d: a 32-bit length and the data", d.KeySize, 4+lpmMaxData)
	case d.ValueSize == 0 || d.ValueSize > lpmMaxValue:
		return fmt.Errorf("value size is %d, must be between 1 and %d", d.ValueSize, lpmMaxValue)
	}
	return checkAccess(d.Flags)
}

// lpm is a map of kind LPMTrie.
type lpm struct {
	env     *Env
	stride  uint64
	entries uint32 // how many there may be
	bits    uint32 // of the longest prefix

	root atomic.Pointer[lpmNode]

	mu     sync.Mutex         // for everything below, and for changes of links
	used   uint32             // entries that there are
	pool   recycler[*lpmNode] // with a value
	inners recycler[*lpmNode] // without one
	key    []byte             // room for the key of Delete
}

// lpmNode is a prefix. What is not atomic stays as it is while the node is linked.
type lpmNode struct {
	head  uint64      // the first 64 bits of data, most significant first
	len   uint32      // of the prefix, in bits
	inner atomic.Bool // no entry: it is there to join two (LPM_TREE_NODE_FLAG_IM)
	child [2]atomic.Pointer[lpmNode]
	data  []byte // as long as the longest prefix; what follows the prefix is what it was given
	addr  uint64 // of the value; 0 for a node that never was an entry
	value []byte
}

func newLPM(env *Env, _ int, d *bpf.Map) (Map, error) {
	t := &lpm{env: env, stride: d.Stride(), entries: d.MaxEntries, bits: (d.KeySize - 4) * 8, key: make([]byte, d.KeySize-4)}
	t.pool.rcu, t.inners.rcu = env.RCU, env.RCU
	return t, nil
}

// head returns up to 64 bits of data, most significant first.
func head(data []byte) uint64 {
	if len(data) >= 8 {
		return binary.BigEndian.Uint64(data)
	}
	var h uint64
	for i, b := range data {
		h |= uint64(b) << (56 - 8*i)
	}
	return h
}

// match is longest_prefix_match: how many bits of the prefix the node and data
// of the given length have in common. h is head(data).
func (n *lpmNode) match(h uint64, data []byte, length uint32) uint32 {
	limit := min(n.len, length)
	same := uint32(bits.LeadingZeros64(n.head ^ h))
	if same < 64 || limit <= 64 {
		return min(same, limit)
	}
	for i := 8; i < len(n.data) && same < limit; i++ {
		if d := n.data[i] ^ data[i]; d != 0 {
			return min(same+uint32(bits.LeadingZeros8(d)), limit)
		}
		same += 8
	}
	return min(same, limit)
}

// bit returns bit i of data, counted from the most significant of the first byte.
func bit(data []byte, i uint32) int { return int(data[i/8]>>(7-i%8)) & 1 }

// find is trie_lookup_elem.
func (t *lpm) find(key []byte) *lpmNode {
	length, data := binary.LittleEndian.Uint32(key), key[4:]
	if length > t.bits {
		return nil
	}
	var found *lpmNode
	h := head(data)
	for n := t.root.Load(); n != nil; {
		m := n.match(h, data, length)
		if m < n.len {
			break
		}
		if !n.inner.Load() {
			found = n
		}
		if m == t.bits {
			break
		}
		n = n.child[bit(data, n.len)].Load()
	}
	return found
}

func (t *lpm) Lookup(_ uint32, key []byte) uint64 {
	if n := t.find(key); n != nil {
		return n.addr
	}
	return 0
}

func (t *lpm) Read(key, value []byte) error {
	r := t.env.RCU.Enter()
	defer t.env.RCU.Exit(r)
	n := t.find(key)
	if n == nil {
		return ENOENT
	}
	load(value, n.value)
	runtime.KeepAlive(t.env.Arena)
	return nil
}

func (t *lpm) Update(_ uint32, key, value []byte, flags uint64) error {
	return t.Write(key, value, flags)
}

// Write is trie_update_elem.
func (t *lpm) Write(key, value []byte, flags uint64) error {
	length := binary.LittleEndian.Uint32(key)
	if flags > Exist || length > t.bits {
		return EINVAL
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	n, err := t.node()
	if err != nil {
		return err
	}
	copy(n.data, key[4:])
	n.head, n.len = head(n.data), length
	store(n.value, value)
	if err := t.insert(n, flags); err != nil {
		t.pool.put(n)
		return err
	}
	return nil
}

// node returns a node that is not linked, with a value.
func (t *lpm) node() (*lpmNode, error) {
	n, ok := t.pool.get()
	if !ok {
		addr, err := t.env.Arena.Alloc(t.stride)
		if err != nil {
			return nil, ENOMEM
		}
		value, ok := t.env.Arena.Bytes(addr, t.stride)
		if !ok {
			panic("BUG: arena gave an address that it does not have")
		}
		n = &lpmNode{data: make([]byte, t.bits/8), addr: addr, value: value}
	}
	n.inner.Store(false)
	n.child[0].Store(nil)
	n.child[1].Store(nil)
	return n, nil
}

// at is the place of a prefix: the link where it is, or is to be put.
type at struct {
	link   *atomic.Pointer[lpmNode]
	node   *lpmNode // what the link holds
	match  uint32   // how far node has it
	parent *lpmNode // which has the link; nil: the root
	above  *atomic.Pointer[lpmNode]
}

func (t *lpm) seek(data []byte, length uint32) at {
	p := at{link: &t.root, above: &t.root}
	h := head(data)
	for {
		n := p.link.Load()
		p.node = n
		if n == nil {
			return p
		}
		if p.match = n.match(h, data, length); p.match != n.len || n.len == length {
			return p
		}
		p.parent, p.above = n, p.link
		p.link = &n.child[bit(data, n.len)]
	}
}

// insert links n in, by the cases of trie_update_elem.
func (t *lpm) insert(n *lpmNode, flags uint64) error {
	p := t.seek(n.data, n.len)
	old := p.node
	same := old != nil && old.len == p.match && old.len == n.len
	switch {
	case same && !old.inner.Load():
		if flags == NoExist {
			return EEXIST
		}
	case flags == Exist:
		return ENOENT
	case t.used == t.entries:
		return ENOSPC
	default:
		t.used++
	}
	switch {
	case old == nil:
		p.link.Store(n)
	case same: // takes its place
		n.child[0].Store(old.child[0].Load())
		n.child[1].Store(old.child[1].Load())
		p.link.Store(n)
		t.retire(old)
	case p.match == n.len: // is the shorter prefix of the two
		n.child[bit(old.data, p.match)].Store(old)
		p.link.Store(n)
	default: // the two have a shorter one in common
		t.join(p, n)
	}
	return nil
}

// join puts a node that is no entry above n and the node that is in its place.
func (t *lpm) join(p at, n *lpmNode) {
	in, ok := t.inners.get()
	if !ok {
		in = &lpmNode{data: make([]byte, t.bits/8)}
		in.inner.Store(true)
	}
	copy(in.data, n.data)
	in.head, in.len = n.head, p.match
	side := bit(n.data, p.match)
	in.child[side].Store(n)
	in.child[1-side].Store(p.node)
	p.link.Store(in)
}

// retire gives back a node that was unlinked.
func (t *lpm) retire(n *lpmNode) {
	if n.addr != 0 {
		t.pool.retire(n)
	} else {
		t.inners.retire(n)
	}
}

// Delete is trie_delete_elem.
func (t *lpm) Delete(key []byte) error {
	length := binary.LittleEndian.Uint32(key)
	if length > t.bits {
		return EINVAL
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	copy(t.key, key[4:]) // a guest may change it meanwhile
	p := t.seek(t.key, length)
	n := p.node
	if n == nil || n.len != length || n.len != p.match || n.inner.Load() {
		return ENOENT
	}
	t.used--
	left, right := n.child[0].Load(), n.child[1].Load()
	switch {
	case left != nil && right != nil: // it is needed to join them
		n.inner.Store(true)
		return nil
	case left != nil:
		p.link.Store(left)
	case right != nil:
		p.link.Store(right)
	case p.parent != nil && p.parent.inner.Load(): // which joins no longer
		other := p.parent.child[0].Load()
		if other == n {
			other = p.parent.child[1].Load()
		}
		p.above.Store(other)
		t.retire(p.parent)
	default:
		p.link.Store(nil)
	}
	t.retire(n)
	return nil
}

// NextKey is trie_get_next_key: longer prefixes before the shorter ones that contain them.
func (t *lpm) NextKey(key, next []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	root := t.root.Load()
	if root == nil {
		return ENOENT
	}
	n := leftmost(root)
	if key != nil {
		if n = t.after(root, key); n == nil {
			return ENOENT
		}
	}
	binary.LittleEndian.PutUint32(next, n.len)
	copy(next[4:], n.data)
	return nil
}

// after returns the entry after key in postorder: the first of all when there is
// no such key, nil when it is the last.
func (t *lpm) after(root *lpmNode, key []byte) *lpmNode {
	length, data := binary.LittleEndian.Uint32(key), key[4:]
	if length > t.bits {
		return leftmost(root)
	}
	var path []*lpmNode
	h, n := head(data), root
	for n != nil {
		path = append(path, n)
		if m := n.match(h, data, length); m != n.len {
			n = nil
		} else if n.len == length {
			break
		} else {
			n = n.child[bit(data, n.len)].Load()
		}
	}
	if n == nil || n.inner.Load() {
		return leftmost(root)
	}
	for i := len(path) - 2; i >= 0; i-- {
		parent := path[i]
		if right := parent.child[1].Load(); right != nil && parent.child[0].Load() == path[i+1] {
			return leftmost(right)
		}
		if !parent.inner.Load() {
			return parent
		}
	}
	return nil
}

// leftmost returns the first entry in postorder. Nodes that are none have two children.
func leftmost(n *lpmNode) *lpmNode {
	last := n
	for n != nil {
		left := n.child[0].Load()
		if n.inner.Load() {
			n = left
			continue
		}
		last = n
		if n = left; n == nil {
			n = last.child[1].Load()
		}
	}
	return last
}
