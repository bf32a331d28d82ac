/* SPDX-License-Identifier: MIT */
#include "twin.h"

/* net/core/xdp.c */
extern int bpf_xdp_metadata_rx_timestamp(const struct xdp_md *ctx, u64 *timestamp);
extern int bpf_xdp_metadata_rx_hash(const struct xdp_md *ctx, u32 *hash, u32 *rss_type);
extern int bpf_xdp_metadata_rx_vlan_tag(const struct xdp_md *ctx, u16 *vlan_proto, u16 *vlan_tci);

struct marker {
	u8 magic[10];
	u8 run[8];
	u8 number[4];
} __attribute__((packed));

#define MARKER_AT 96
#define VLAN_HLEN 4

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
	u32 queue;
	u16 h_proto;
};

INLINE int same(const u8 *one, const char *other, int size)
{
#pragma unroll /* or else the bytes would be read only data, which the test has no map for */
	for (int at = 0; at < size; at++)
		if (one[at] != (u8)other[at])
			return 0;
	return 1;
}

INLINE int of_the_run(struct xdp_md *ctx, u32 offset, struct marker *marker)
{
	return !bpf_xdp_load_bytes(ctx, offset, marker, sizeof(*marker)) &&
	       same(marker->magic, "xdpconform", 10) && same(marker->run, "the-run.", 8);
}

SEC("xdp") int twin(struct xdp_md *ctx)
{
	u64 timestamp = 0;
	u32 hash = 0, rss_type = 0, number;
	u16 vlan_proto = 0, vlan_tci = 0, h_proto = 0;
	struct marker marker;
	struct metadata *found;

	if (!of_the_run(ctx, MARKER_AT, &marker) &&
	    !of_the_run(ctx, MARKER_AT + VLAN_HLEN, &marker))
		return XDP_PASS;
	number = marker.number[0] << 24 | marker.number[1] << 16 | marker.number[2] << 8 |
		 marker.number[3];
	found = bpf_map_lookup_elem(&results, &number);
	if (!found)
		return XDP_PASS;
	found->timestamp_err = bpf_xdp_metadata_rx_timestamp(ctx, &timestamp);
	found->hash_err = bpf_xdp_metadata_rx_hash(ctx, &hash, &rss_type);
	found->vlan_err = bpf_xdp_metadata_rx_vlan_tag(ctx, &vlan_proto, &vlan_tci);
	bpf_xdp_load_bytes(ctx, 12, &h_proto, sizeof(h_proto));
	found->timestamp = timestamp;
	found->hash = hash;
	found->rss_type = rss_type;
	found->vlan_proto = vlan_proto;
	found->vlan_tci = vlan_tci;
	found->h_proto = h_proto;
	found->queue = ctx->rx_queue_index;
	__sync_fetch_and_add(&found->frames, 1);
	return ACTION;
}
