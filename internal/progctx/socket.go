package progctx

// Programs that look at sockets: sock_ops, sk_msg, sk_lookup, sk_reuseport. A
// caller gives the context as the struct of include/uapi/linux/bpf.h, pointers left 0.

// struct bpf_sock_ops. RunOptions.Data is the TCP segment.
var sockOpsLayout = structLayout("struct bpf_sock_ops", "SockOps",
	structOf("op 4, replylong 4x4, family 4, remote_ip4 4, local_ip4 4, remote_ip6 4x4, local_ip6 4x4, remote_port 4, local_port 4, is_fullsock 4, "+
		"snd_cwnd 4, srtt_us 4, bpf_sock_ops_cb_flags 4, state 4, rtt_min 4, snd_ssthresh 4, rcv_nxt 4, snd_nxt 4, snd_una 4, mss_cache 4, ecn_flags 4, "+
		"rate_delivered 4, rate_interval_us 4, packets_out 4, retrans_out 4, total_retrans 4, segs_in 4, data_segs_in 4, segs_out 4, data_segs_out 4, "+
		"lost_out 4, sacked_out 4, sk_txhash 4, bytes_received 8, bytes_acked 8, sk 8, skb_data 8, skb_data_end 8, skb_len 4, skb_tcp_flags 4, skb_hwtstamp 8").
		writable("replylong sk_txhash"), ends{data: "skb_data", end: "skb_data_end", size: "skb_len"})

// struct sk_msg_md. RunOptions.Data is the message.
var skMsgLayout = structLayout("struct sk_msg_md", "SkMsg",
	structOf("data 8, data_end 8, family 4, remote_ip4 4, local_ip4 4, remote_ip6 4x4, local_ip6 4x4, remote_port 4, local_port 4, size 4, sk 8"),
	ends{data: "data", end: "data_end", size: "size"})

// struct sk_reuseport_md. RunOptions.Data is the packet from its UDP or TCP header on.
var reuseportLayout = structLayout("struct sk_reuseport_md", "SkReuseport",
	structOf("data 8, data_end 8, len 4, eth_protocol 4, ip_protocol 4, bind_inany 4, hash 4, sk 8, migrating_sk 8"),
	ends{data: "data", end: "data_end", size: "len"})

// struct bpf_sk_lookup.
var skLookupLayout = structLayout("struct bpf_sk_lookup", "SkLookup",
	structOf("sk 8, family 4, protocol 4, remote_ip4 4, remote_ip6 4x4, remote_port 2, - 2, local_ip4 4, local_ip6 4x4, local_port 4, ingress_ifindex 4").
		change("remote_port", func(f *Field) { f.Size = 4 }), ends{}) // what reads four bytes gets 0 behind the port
