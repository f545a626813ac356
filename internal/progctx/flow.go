package progctx

import "fmt"

// struct bpf_flow_keys (include/uapi/linux/bpf.h): what a flow dissector finds out.
var flowKeys = structOf("nhoff 2, thoff 2, addr_proto 2, is_frag 1, is_first_frag 1, is_encap 1, ip_proto 1, n_proto 2, sport 2, dport 2, " +
	"addresses 4x8, flags 4, flow_label 4")

const (
	keysNhoff  = 0
	keysThoff  = 2
	keysNProto = 12 - 2
	keysFlags  = 48
	keysSize   = 56
)

// Flow dissectors have the packet and the keys of struct __sk_buff. As with BPF_PROG_TEST_RUN a caller's
// context is a struct bpf_flow_keys of which flags alone may be set, and DataOut gets the keys.
var flowLayout = Layout{
	Name: skbName, Types: []string{"FlowDissector"}, Size: skbSize, Given: keysSize,
	Objects: 2 * keysSize, // behind the keys are those that the caller gave
	Fields:  skbFields.with("data data_end flow_keys"),
	Packet:  true, EmptyPacket: true,
	Prepare: flowPrepare, Addresses: skbAddresses, Finish: flowFinish, Result: flowResult,
}

// flowPrepare is bpf_flow_dissect, as bpf_prog_test_run_flow_dissector calls it.
func flowPrepare(c *Context, user []byte, p *Packet) error {
	for i, b := range user {
		if b != 0 && (i < keysFlags || i >= keysFlags+4) {
			return fmt.Errorf("context: of struct bpf_flow_keys flags alone may be given, byte %d is not 0", i)
		}
	}
	keys, given := c.Objects[:keysSize], c.Objects[keysSize:]
	copy(given, user)
	le.PutUint16(keys[keysNhoff:], uint16(min(ethHeader, p.Len())))
	le.PutUint16(keys[keysThoff:], uint16(min(ethHeader, p.Len())))
	if b := p.Payload(); len(b) >= ethHeader {
		copy(keys[keysNProto:], b[12:14])
	}
	copy(keys[keysFlags:keysFlags+4], given[keysFlags:])
	le.PutUint64(c.Bytes[skbFlowKeys:], c.ObjectsAt)
	skbAddresses(c.Bytes, p)
	return nil
}

func flowFinish(c *Context, _ *Packet) { copy(c.Bytes, c.Objects[keysSize:]) }

// flowResult returns the keys, whose offsets cannot leave the packet.
func flowResult(c *Context, p *Packet) ([]byte, error) {
	keys := c.Objects[:keysSize]
	from, to := min(ethHeader, p.Len()), p.Len()
	nhoff := min(max(int(le.Uint16(keys[keysNhoff:])), from), to)
	le.PutUint16(keys[keysNhoff:], uint16(nhoff))
	le.PutUint16(keys[keysThoff:], uint16(min(max(int(le.Uint16(keys[keysThoff:])), nhoff), to)))
	return keys, nil
}
