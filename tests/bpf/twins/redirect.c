/* SPDX-License-Identifier: MIT */
#include "twin.h"

SEC("xdp") int twin(struct xdp_md *ctx)
{
	if (!ours(ctx))
		return XDP_PASS;
	count_frame(ctx);
#ifdef KEY
	return bpf_redirect_map(&targets, KEY, FLAGS);
#else
	return bpf_redirect_map(&targets, ctx->rx_queue_index, FLAGS);
#endif
}
