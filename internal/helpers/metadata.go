package helpers

import "github.com/rivetbpf/rivet/internal/maps"

// What a driver knows of a packet that XDP programs see: net/core/xdp.c.
var metadataKfuncs = []*Helper{
	{Name: "bpf_xdp_metadata_rx_timestamp", Fn: rxTimestamp,
		Args: []Arg{{Name: "ctx", Kind: Ctx}, {Name: "timestamp", Kind: MemW, Size: 8}}},
	{Name: "bpf_xdp_metadata_rx_hash", Fn: rxHash,
		Args: []Arg{{Name: "ctx", Kind: Ctx}, {Name: "hash", Kind: MemW, Size: 4}, {Name: "rss_type", Kind: MemW, Size: 4}}},
	{Name: "bpf_xdp_metadata_rx_vlan_tag", Fn: rxVLAN,
		Args: []Arg{{Name: "ctx", Kind: Ctx}, {Name: "vlan_proto", Kind: MemW, Size: 2}, {Name: "vlan_tci", Kind: MemW, Size: 2}}},
}

// RxMetadata is what a driver knows of a packet beside its bytes. What is 0 the driver knows not: programs get ENODATA.
type RxMetadata struct {
	Timestamp uint64 // nanoseconds, of the device's clock
	Hash      uint32
	HashType  uint32 // XDP_RSS_TYPE_*: what was hashed
	VLANProto uint16 // EtherType of the tag that the device took off
	VLANTag   uint16 // and the tag
}

// known says what a program gets that asks for a part of the metadata.
func (c *Call) known(have func(*RxMetadata) bool) (m *RxMetadata, errno uint64) {
	switch m = c.Run.RxMetadata; {
	case m == nil:
		return nil, maps.Guest(maps.EOPNOTSUPP)
	case !have(m):
		return nil, maps.Guest(maps.ENODATA)
	}
	return m, 0
}

func rxTimestamp(c *Call) (uint64, error) {
	m, errno := c.known(func(m *RxMetadata) bool { return m.Timestamp != 0 })
	if m != nil {
		le.PutUint64(c.Mem[1], m.Timestamp)
	}
	return errno, nil
}

func rxHash(c *Call) (uint64, error) {
	m, errno := c.known(func(m *RxMetadata) bool { return m.Hash != 0 || m.HashType != 0 })
	if m != nil {
		le.PutUint32(c.Mem[1], m.Hash)
		le.PutUint32(c.Mem[2], m.HashType)
	}
	return errno, nil
}

func rxVLAN(c *Call) (uint64, error) {
	m, errno := c.known(func(m *RxMetadata) bool { return m.VLANProto != 0 })
	if m != nil {
		be.PutUint16(c.Mem[1], m.VLANProto)
		le.PutUint16(c.Mem[2], m.VLANTag)
	}
	return errno, nil
}
