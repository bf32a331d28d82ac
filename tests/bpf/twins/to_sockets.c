/* SPDX-License-Identifier: MIT */
#include "twin.h"

static long (*const bpf_xdp_adjust_meta)(struct xdp_md *ctx, int delta) = (void *)54;

SEC("xdp") int twin(struct xdp_md *ctx)
{
	u32 queue = ctx->rx_queue_index;
	u64 *count;

	if (!ours(ctx))
		return XDP_PASS;
	count = bpf_map_lookup_elem(&counts, &queue);
	if (!count)
		return XDP_PASS;
	*count += 1;
#if DROP_ODD || BY_NUMBER
	u8 last;

	if (bpf_xdp_load_bytes(ctx, 37, &last, 1))
		return XDP_PASS;
#if DROP_ODD
	if (last & 1)
		return XDP_DROP;
#else
	queue = last & 1;
#endif
#endif
#if METADATA
	if (bpf_xdp_adjust_meta(ctx, -8))
		return XDP_PASS;
	u64 *meta = (void *)(long)ctx->data_meta;

	if ((void *)(meta + 1) > (void *)(long)ctx->data)
		return XDP_PASS;
	*meta = 0x58445043;
#endif
#if TAIL
	if (bpf_xdp_adjust_tail(ctx, TAIL))
		return XDP_PASS;
#endif
	return bpf_redirect_map(&targets, queue, XDP_PASS);
}
