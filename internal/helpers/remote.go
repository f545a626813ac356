package helpers

// Remote controls: enum bpf_func_id 77, 78 and 92 (drivers/media/rc/bpf-lirc.c). What a program decodes is for
// the caller of its run to read.
var remoteHelpers = []*Helper{
	{ID: 77, Name: "rc_repeat", Args: []Arg{{Name: "ctx", Kind: Ctx}}, Fn: func(c *Call) (uint64, error) {
		return c.remote(RemoteEvent{Kind: RemoteRepeat})
	}},
	{ID: 78, Name: "rc_keydown", Args: []Arg{{Name: "ctx", Kind: Ctx}, {Name: "protocol", Kind: Scalar}, {Name: "scancode", Kind: Scalar}, {Name: "toggle", Kind: Scalar}},
		Fn: func(c *Call) (uint64, error) {
			return c.remote(RemoteEvent{Kind: RemoteKey, Protocol: uint32(c.Args[1]), Scancode: c.Args[2], Toggle: uint32(c.Args[3]) != 0})
		}},
	{ID: 92, Name: "rc_pointer_rel", Args: []Arg{{Name: "ctx", Kind: Ctx}, {Name: "rel_x", Kind: Scalar}, {Name: "rel_y", Kind: Scalar}},
		Fn: func(c *Call) (uint64, error) {
			return c.remote(RemoteEvent{Kind: RemoteMove, X: int32(c.Args[1]), Y: int32(c.Args[2])})
		}},
}

// RemoteKind is what somebody did with a remote control.
type RemoteKind uint8

// The kinds of a [RemoteEvent].
const (
	RemoteKey    RemoteKind = iota // pressed a key (bpf_rc_keydown)
	RemoteRepeat                   // kept it pressed (bpf_rc_repeat)
	RemoteMove                     // moved the pointer (bpf_rc_pointer_rel)
)

// RemoteEvent is one thing that a program decoded.
type RemoteEvent struct {
	Kind     RemoteKind
	Protocol uint32 // of a key: enum rc_proto
	Scancode uint64
	Toggle   bool
	X, Y     int32 // of a move
}

func (c *Call) remote(ev RemoteEvent) (uint64, error) {
	if e := &c.Run.Effects; len(e.Remote) < maxEffects {
		e.Remote = append(e.Remote, ev)
	}
	return 0, nil
}
