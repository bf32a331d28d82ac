/* SPDX-License-Identifier: MIT */
#include "twin.h"

SEC("xdp") int twin(struct xdp_md *ctx)
{
	struct ethhdr eth;

	if (!ours(ctx) || bpf_xdp_load_bytes(ctx, 0, &eth, sizeof(eth)))
		return XDP_PASS;
	count_frame(ctx);
	if (bpf_xdp_adjust_head(ctx, DELTA)) {
		add(REFUSED, 1);
		return XDP_PASS;
	}
	bpf_xdp_store_bytes(ctx, 0, &eth, sizeof(eth));
#if DELTA < 0
	u8 zero = 0;

#pragma unroll
	for (int at = 0; at < -(DELTA); at++)
		bpf_xdp_store_bytes(ctx, ETH_HLEN + at, &zero, 1);
#endif
	add(ADJUSTED_BYTES, bpf_xdp_get_buff_len(ctx));
	return XDP_PASS;
}
