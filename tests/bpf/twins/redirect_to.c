/* SPDX-License-Identifier: MIT */
#include "twin.h"

SEC("xdp") int twin(struct xdp_md *ctx)
{
	if (!ours(ctx))
		return XDP_PASS;
	return bpf_redirect(IFINDEX, 0);
}
