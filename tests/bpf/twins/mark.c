/* SPDX-License-Identifier: MIT */
#include "twin.h"

SEC("xdp") int twin(struct xdp_md *ctx)
{
	u8 value = VALUE;

	if (!ours(ctx) || bpf_xdp_store_bytes(ctx, 15, &value, 1))
		return XDP_PASS;
	count_frame(ctx);
	return ACTION;
}
