package helpers

import "github.com/rivetbpf/rivet/internal/maps"

// Messages that sk_msg programs judge: enum bpf_func_id 61 to 63, 90 and 91, net/core/filter.c.
var msgHelpers = []*Helper{
	{ID: 61, Name: "msg_apply_bytes", Fn: msgApplyBytes, Args: []Arg{{Name: "msg", Kind: Ctx}, {Name: "bytes", Kind: Scalar}}},
	{ID: 62, Name: "msg_cork_bytes", Fn: msgCorkBytes, Args: []Arg{{Name: "msg", Kind: Ctx}, {Name: "bytes", Kind: Scalar}}},
	{ID: 63, Name: "msg_pull_data", Fn: msgPullData, Args: msgRangeArgs("end")},
	{ID: 90, Name: "msg_push_data", Fn: msgPushData, Args: msgRangeArgs("len")},
	{ID: 91, Name: "msg_pop_data", Fn: msgPopData, Args: msgRangeArgs("len")},
}

func msgRangeArgs(second string) []Arg {
	return []Arg{{Name: "msg", Kind: Ctx}, {Name: "start", Kind: Scalar}, {Name: second, Kind: Scalar}, {Name: "flags", Kind: Scalar}}
}

// msgState is what a program said about the bytes that follow.
type msgState struct{ apply, cork uint32 }

// Verdicts returns for how many bytes the verdict of an sk_msg program holds (bpf_msg_apply_bytes) and how many are to
// be there before it is asked again (bpf_msg_cork_bytes).
func (r *Run) Verdicts() (apply, cork uint32) {
	if r.acts == nil {
		return 0, 0
	}
	return r.acts.msg.apply, r.acts.msg.cork
}

func msgApplyBytes(c *Call) (uint64, error) {
	c.Run.act().msg.apply = uint32(c.Args[1])
	return 0, nil
}

func msgCorkBytes(c *Call) (uint64, error) {
	c.Run.act().msg.cork = uint32(c.Args[1])
	return 0, nil
}

// message returns the bytes of the message.
func (c *Call) message() []byte {
	if c.Run.Packet == nil {
		return nil
	}
	return c.Run.Packet.Bytes
}

// msgPullData is bpf_msg_pull_data: data and data_end become the ends of a part of the message.
func msgPullData(c *Call) (uint64, error) {
	start, end := uint32(c.Args[1]), uint32(c.Args[2])
	if c.Args[3] != 0 || end <= start || int64(end) > int64(len(c.message())) {
		return maps.Guest(maps.EINVAL), nil
	}
	c.Run.Layout.Window(c.Run.Ctx, c.Run.Packet, start, end)
	return 0, nil
}

// maxMessage bounds what programs make of a message (rounded up, what a scatter list of pages can hold).
const maxMessage = 1 << 20

// msgPushData is bpf_msg_push_data: room within the message, here of zeros.
func msgPushData(c *Call) (uint64, error) {
	start, n := int64(uint32(c.Args[1])), int64(uint32(c.Args[2]))
	size := int64(len(c.message()))
	switch {
	case c.Args[3] != 0:
		return maps.Guest(maps.EINVAL), nil
	case n == 0:
		return 0, nil
	case start > size:
		return maps.Guest(maps.EINVAL), nil
	case size+n > maxMessage:
		return maps.Guest(maps.ENOMEM), nil
	}
	if err := c.Run.Packet.Resize(0, int(n)); err != nil {
		return maps.Guest(maps.ENOMEM), nil
	}
	b := c.message()
	copy(b[start+n:], b[start:size])
	clear(b[start : start+n])
	c.Run.Moved()
	return 0, nil
}

// msgPopData is bpf_msg_pop_data: a part of the message is taken out.
func msgPopData(c *Call) (uint64, error) {
	start, n := int64(uint32(c.Args[1])), int64(uint32(c.Args[2]))
	b := c.message()
	switch {
	case c.Args[3] != 0:
		return maps.Guest(maps.EINVAL), nil
	case n == 0:
		return 0, nil
	case start >= int64(len(b)) || start+n > int64(len(b)):
		return maps.Guest(maps.EINVAL), nil
	}
	copy(b[start:], b[start+n:])
	if err := c.Run.Packet.Resize(0, -int(n)); err != nil {
		return maps.Guest(maps.EINVAL), nil
	}
	c.Run.Moved()
	return 0, nil
}
