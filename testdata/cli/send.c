/* Programs that send packets elsewhere: rivet run shows where. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_CPUMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} cpus SEC(".maps");

SEC("tc")
int forward(struct __sk_buff *skb)
{
	struct bpf_redir_neigh nh = {.nh_family = 2, .ipv4_nh = 0x0900000a};
	struct bpf_tunnel_key key = {.tunnel_id = 42, .remote_ipv4 = 0x0a000001, .tunnel_ttl = 64};

	bpf_skb_set_tunnel_key(skb, &key, sizeof(key), 0);
	bpf_clone_redirect(skb, 3, BPF_F_INGRESS);
	return bpf_redirect_neigh(7, &nh, sizeof(nh), 0);
}

SEC("xdp")
int spread(struct xdp_md *ctx)
{
	return bpf_redirect_map(&cpus, 0, XDP_DROP);
}
