package main

import (
	"encoding/hex"

	"github.com/rivetbpf/rivet"
)

// redirectReport is where a packet went that was redirected.
type redirectReport struct {
	Kind      string   `json:"kind"`
	Ifindex   uint32   `json:"ifindex,omitempty"`
	Flags     uint64   `json:"flags,omitempty"`
	Ingress   bool     `json:"ingress,omitempty"`
	NextHop   string   `json:"next_hop,omitempty"`
	Map       string   `json:"map,omitempty"`
	Key       string   `json:"key,omitempty"` // hex
	Value     uint32   `json:"value,omitempty"`
	Broadcast []uint32 `json:"broadcast,omitempty"`
}

// cloneReport is a copy that was sent off.
type cloneReport struct {
	Ifindex uint32 `json:"ifindex"`
	Flags   uint64 `json:"flags,omitempty"`
	Ingress bool   `json:"ingress,omitempty"`
	Data    string `json:"data"` // hex
}

// tunnelReport is what was set for the tunnel that the packet leaves by.
type tunnelReport struct {
	ID      uint32 `json:"id"`
	Remote  string `json:"remote"`
	Local   string `json:"local"`
	TOS     uint8  `json:"tos,omitempty"`
	TTL     uint8  `json:"ttl,omitempty"`
	Flags   uint16 `json:"flags"`
	Options string `json:"options,omitempty"` // hex
}

// actions fills in what a run did to the network around, and describes it in lines.
func (p *packetReport) actions(res *rivet.RunResult) {
	if r := res.Redirect; r != nil {
		p.did = append(p.did, "redirect to "+r.String())
		p.Redirect = &redirectReport{Kind: r.Kind.String(), Ifindex: r.Ifindex, Flags: r.Flags, Ingress: r.Ingress,
			Key: hex.EncodeToString(r.Key), Value: r.Value, Broadcast: r.Broadcast}
		if r.NextHop.IsValid() {
			p.Redirect.NextHop = r.NextHop.String()
		}
		if r.Map != nil {
			p.Redirect.Map = r.Map.Name()
		}
	}
	for i := range res.Clones {
		c := &res.Clones[i]
		p.did = append(p.did, "clone to "+c.String())
		p.Clones = append(p.Clones, cloneReport{Ifindex: c.Ifindex, Flags: c.Flags, Ingress: c.Ingress, Data: hex.EncodeToString(c.Data)})
	}
	if t := res.Tunnel; t != nil {
		p.did = append(p.did, "tunnel to "+t.String())
		p.Tunnel = &tunnelReport{ID: t.ID, Remote: t.Remote.String(), Local: t.Local.String(), TOS: t.TOS, TTL: t.TTL, Flags: t.Flags,
			Options: hex.EncodeToString(t.Options)}
	}
}
