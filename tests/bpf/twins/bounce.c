/* SPDX-License-Identifier: MIT */
#include "twin.h"

SEC("xdp") int twin(struct xdp_md *ctx)
{
	struct {
		struct ethhdr eth;
		u8 payload;
	} __attribute__((packed)) in, out;

	if (!ours(ctx) || bpf_xdp_load_bytes(ctx, 0, &in, sizeof(in)) || in.payload == 0xB0)
		return XDP_PASS;
	__builtin_memcpy(out.eth.h_dest, in.eth.h_source, ETH_ALEN);
	__builtin_memcpy(out.eth.h_source, in.eth.h_dest, ETH_ALEN);
	out.eth.h_proto = in.eth.h_proto;
	out.payload = 0xB0;
	if (bpf_xdp_store_bytes(ctx, 0, &out, sizeof(out)))
		return XDP_PASS;
	count_frame(ctx);
	return XDP_TX;
}
