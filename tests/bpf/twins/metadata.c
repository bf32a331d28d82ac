/* SPDX-License-Identifier: MIT */
#include "twin.h"

/* net/core/xdp.c */
extern int bpf_xdp_metadata_rx_timestamp(const struct xdp_md *ctx, u64 *timestamp);
extern int bpf_xdp_metadata_rx_hash(const struct xdp_md *ctx, u32 *hash, u32 *rss_type);
extern int bpf_xdp_metadata_rx_vlan_tag(const struct xdp_md *ctx, u16 *vlan_proto, u16 *vlan_tci);

struct metadata {
	u64 frames;
	u64 timestamp;
	u32 hash;
	u32 rss_type;
	u16 vlan_proto;
	u16 vlan_tci;
	s32 timestamp_err;
	s32 hash_err;
	s32 vlan_err;
};

SEC("xdp") int twin(struct xdp_md *ctx)
{
	u64 timestamp = 0;
	u32 hash = 0, rss_type = 0, zero = 0;
	u16 vlan_proto = 0, vlan_tci = 0;
	struct metadata *found;

	if (!ours(ctx))
		return XDP_PASS;
	found = bpf_map_lookup_elem(&results, &zero);
	if (!found)
		return XDP_PASS;
	found->timestamp_err = bpf_xdp_metadata_rx_timestamp(ctx, &timestamp);
	found->hash_err = bpf_xdp_metadata_rx_hash(ctx, &hash, &rss_type);
	found->vlan_err = bpf_xdp_metadata_rx_vlan_tag(ctx, &vlan_proto, &vlan_tci);
	found->timestamp = timestamp;
	found->hash = hash;
	found->rss_type = rss_type;
	found->vlan_proto = vlan_proto;
	found->vlan_tci = vlan_tci;
	__sync_fetch_and_add(&found->frames, 1);
	return ACTION;
}
