package helpers

import (
	"slices"

	"github.com/rivetbpf/rivet/internal/maps"
)

// Lists and trees of objects (kernel/bpf/helpers.c: bpf_list_*, bpf_rbtree_*). The guest passes the
// addresses of heads and nodes; which node is where is known here.
var graphHelpers = []*Helper{
	{Name: "bpf_list_push_front", Fn: listPushFront, Args: listPushArgs},
	{Name: "bpf_list_push_front_impl", Fn: listPushFront, Args: listPushArgs},
	{Name: "bpf_list_push_back", Fn: listPushBack, Args: listPushArgs},
	{Name: "bpf_list_push_back_impl", Fn: listPushBack, Args: listPushArgs},
	{Name: "bpf_list_pop_front", Fn: listPopFront, Args: headArgs},
	{Name: "bpf_list_pop_back", Fn: listPopBack, Args: headArgs},
	{Name: "bpf_list_front", Fn: graphFirst, Args: headArgs},
	{Name: "bpf_list_back", Fn: graphLast, Args: headArgs},
	{Name: "bpf_rbtree_add", Fn: rbtreeAdd, Args: rbtreeAddArgs},
	{Name: "bpf_rbtree_add_impl", Fn: rbtreeAdd, Args: rbtreeAddArgs},
	{Name: "bpf_rbtree_remove", Fn: rbtreeRemove, Args: nodeArgs},
	{Name: "bpf_rbtree_first", Fn: graphFirst, Args: headArgs},
	{Name: "bpf_rbtree_root", Fn: graphFirst, Args: headArgs},
	{Name: "bpf_rbtree_left", Fn: rbtreeLeft, Args: nodeArgs},
	{Name: "bpf_rbtree_right", Fn: rbtreeRight, Args: nodeArgs},
}

var (
	headArg       = Arg{Name: "head", Kind: MemW, Size: 16}
	nodeArg       = Arg{Name: "node", Kind: Scalar}
	headArgs      = []Arg{headArg}
	nodeArgs      = []Arg{headArg, nodeArg}
	listPushArgs  = []Arg{headArg, nodeArg}
	rbtreeAddArgs = []Arg{headArg, nodeArg, {Name: "less", Kind: Func}}
)

// node is a bpf_list_node or bpf_rb_node of an object.
type node struct {
	obj   *heapObject
	at    uint64
	graph *graph // what it is in; nil: nothing
}

// graph is a list, or a tree in the order of its nodes.
type graph struct{ nodes []*node }

// linkable finds the node at argument 1 and takes the object's reference from the run. A node that
// is in a graph already is refused, and the reference spent (__bpf_list_add).
func (c *Call) linkable() (n *node, refused bool, err error) {
	h := c.Run.World.heap
	n = h.nodes[c.Args[1]]
	if n == nil || c.Run.disown(n.obj.at) == nil {
		return nil, false, c.bad(1, 0, "not a node of an object that the run has a reference to")
	}
	if n.graph != nil {
		h.unref(n.obj)
		return nil, true, nil
	}
	return n, false, nil
}

// insert puts a node at place i of the graph whose head is argument 0. The lock is held.
func (h *heap) insert(head uint64, i int, n *node) {
	g := h.graphs[head]
	if g == nil {
		g = new(graph)
		h.graphs[head] = g
	}
	n.graph = g
	g.nodes = slices.Insert(g.nodes, min(i, len(g.nodes)), n)
}

// remove takes place i out of a graph and gives the run the reference. The lock is held.
func (r *Run) remove(g *graph, i int) uint64 {
	n := g.nodes[i]
	n.graph = nil
	g.nodes = slices.Delete(g.nodes, i, i+1)
	r.own(n.obj)
	return n.at
}

func listPush(c *Call, place int) (uint64, error) {
	h := c.Run.World.heap
	h.mu.Lock()
	defer h.mu.Unlock()
	n, refused, err := c.linkable()
	if err != nil || refused {
		return maps.Guest(maps.EINVAL), err
	}
	h.insert(c.Args[0], place, n)
	return 0, nil
}

// end is a place behind all.
const end = int(^uint(0) >> 1)

func listPushFront(c *Call) (uint64, error) { return listPush(c, 0) }
func listPushBack(c *Call) (uint64, error)  { return listPush(c, end) }
func listPopFront(c *Call) (uint64, error)  { return listPop(c, 0) }
func listPopBack(c *Call) (uint64, error)   { return listPop(c, end) }

func listPop(c *Call, place int) (uint64, error) {
	h := c.Run.World.heap
	h.mu.Lock()
	defer h.mu.Unlock()
	g := h.graphs[c.Args[0]]
	if g == nil || len(g.nodes) == 0 {
		return 0, nil
	}
	return c.Run.remove(g, min(place, len(g.nodes)-1)), nil
}

func graphFirst(c *Call) (uint64, error) { return graphPeek(c, 0) }
func graphLast(c *Call) (uint64, error)  { return graphPeek(c, end) }

func graphPeek(c *Call, place int) (uint64, error) {
	h := c.Run.World.heap
	h.mu.Lock()
	defer h.mu.Unlock()
	if g := h.graphs[c.Args[0]]; g != nil && len(g.nodes) > 0 {
		return g.nodes[min(place, len(g.nodes)-1)].at, nil
	}
	return 0, nil
}

// rbtreeAdd asks the program's less where a node belongs: behind those that are equal, as the
// descent of __bpf_rbtree_add leaves it. The lock is not held meanwhile: less may do what it likes.
func rbtreeAdd(c *Call) (uint64, error) {
	h := c.Run.World.heap
	h.mu.Lock()
	n, refused, err := c.linkable()
	var order []*node
	if g := h.graphs[c.Args[0]]; err == nil && !refused && g != nil {
		order = slices.Clone(g.nodes)
	}
	h.mu.Unlock()
	if err != nil || refused {
		return maps.Guest(maps.EINVAL), err
	}
	lo, hi := 0, len(order)
	for lo < hi && err == nil {
		mid := (lo + hi) / 2
		var less uint64
		c.called = [5]uint64{n.at, order[mid].at}
		if less, err = c.Invoke(c.Args[2], &c.called); uint8(less) != 0 {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		h.unref(n.obj)
		return 0, err
	}
	if n.graph != nil { // less has put it into another
		h.unref(n.obj)
		return maps.Guest(maps.EINVAL), nil
	}
	h.insert(c.Args[0], lo, n)
	return 0, nil
}

// place finds a node in a graph; -1 when it is not there. The lock is held.
func (h *heap) place(head, at uint64) (*graph, int) {
	n, g := h.nodes[at], h.graphs[head]
	if n == nil || g == nil || n.graph != g {
		return nil, -1
	}
	return g, slices.Index(g.nodes, n)
}

// rbtreeRemove returns NULL for a node that is not in the tree.
func rbtreeRemove(c *Call) (uint64, error) {
	h := c.Run.World.heap
	h.mu.Lock()
	defer h.mu.Unlock()
	g, i := h.place(c.Args[0], c.Args[1])
	if i < 0 {
		return 0, nil
	}
	return c.Run.remove(g, i), nil
}

// The tree that programs walk is one that leans to the right all the way: the first node is the
// root, and each has the next as its right child. Searching it finds what Linux's balanced tree gives.
func rbtreeLeft(*Call) (uint64, error) { return 0, nil }

func rbtreeRight(c *Call) (uint64, error) {
	h := c.Run.World.heap
	h.mu.Lock()
	defer h.mu.Unlock()
	if g, i := h.place(c.Args[0], c.Args[1]); i >= 0 && i+1 < len(g.nodes) {
		return g.nodes[i+1].at, nil
	}
	return 0, nil
}
