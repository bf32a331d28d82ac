/* SPDX-License-Identifier: MIT */
#include "twin.h"

SEC("xdp") int twin(struct xdp_md *ctx)
{
	if (!ours(ctx))
		return XDP_PASS;
	count_frame(ctx);
	if (bpf_xdp_adjust_tail(ctx, DELTA)) {
		add(REFUSED, 1);
		return XDP_PASS;
	}
	add(ADJUSTED_BYTES, bpf_xdp_get_buff_len(ctx));
	return XDP_PASS;
}
