/* SPDX-License-Identifier: MIT */
/* What a twin needs, declared here: neither libbpf nor kernel headers have to be installed. */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;

/* include/uapi/linux/bpf.h */
struct xdp_md {
	u32 data;
	u32 data_end;
	u32 data_meta;
	u32 ingress_ifindex;
	u32 rx_queue_index;
	u32 egress_ifindex;
};

enum { XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_TX, XDP_REDIRECT };

static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*const bpf_redirect)(u32 ifindex, u64 flags) = (void *)23;
static long (*const bpf_xdp_adjust_head)(struct xdp_md *ctx, int delta) = (void *)44;
static long (*const bpf_redirect_map)(void *map, u64 key, u64 flags) = (void *)51;
static long (*const bpf_xdp_adjust_tail)(struct xdp_md *ctx, int delta) = (void *)65;
static u64 (*const bpf_xdp_get_buff_len)(struct xdp_md *ctx) = (void *)188;
static long (*const bpf_xdp_load_bytes)(struct xdp_md *ctx, u32 offset, void *buf, u32 len) = (void *)189;
static long (*const bpf_xdp_store_bytes)(struct xdp_md *ctx, u32 offset, void *buf, u32 len) = (void *)190;

/* Maps are made by the test; only their addresses are used here. */
struct map;
extern struct map counts, results, targets;

#define SEC(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define htons(x) ((u16)((x) << 8 | (x) >> 8))
#else
#define htons(x) ((u16)(x))
#endif

#define ETH_ALEN 6
#define ETH_HLEN 14

struct ethhdr {
	u8 h_dest[ETH_ALEN];
	u8 h_source[ETH_ALEN];
	u16 h_proto;
} __attribute__((packed));

enum { FRAMES, BYTES, REFUSED, ADJUSTED_BYTES };

INLINE int ours(struct xdp_md *ctx)
{
	struct ethhdr eth;

	return !bpf_xdp_load_bytes(ctx, 0, &eth, sizeof(eth)) && eth.h_proto == htons(0x88B5);
}

INLINE void add(u32 slot, u64 value)
{
	u64 *count = bpf_map_lookup_elem(&counts, &slot);

	if (count)
		*count += value;
}

INLINE void count_frame(struct xdp_md *ctx)
{
	add(FRAMES, 1);
	add(BYTES, bpf_xdp_get_buff_len(ctx));
}

char LICENSE[] SEC("license") = "GPL";
