// SPDX-License-Identifier: MIT
/*
 * A plain reader and a plain writer over AF_XDP in copy mode, to compare with: no library, the
 * same rings, batches and kicks as ours.
 *
 *	xsk_plain read  IFINDEX FRAMES BATCH MAP_FD
 *	xsk_plain write IFINDEX FRAMES BATCH
 *
 * Prints "ready" when frames may come, and at the end frames, bytes and nanoseconds: from the
 * first batch read to the last, or from the first frame written to the last completion.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_xdp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef AF_XDP
#define AF_XDP 44
#endif
#ifndef SOL_XDP
#define SOL_XDP 283
#endif

enum { RING = 2048, BUDGET = 32, CHUNK = 2048, CHUNKS = 4096, SIZE = 66, IDLE = 200000000 };

struct ring {
	uint32_t *producer, *consumer, *flags;
	void *entries;
	uint32_t head, tail;
};

#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET 9
#endif

static int fd;
static uint32_t batch;
static char *umem;

static void check(int failed, const char *what)
{
	if (failed) {
		fprintf(stderr, "%s: %s\n", what, strerror(errno));
		exit(1);
	}
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static struct ring map(const struct xdp_ring_offset *at, size_t entry, off_t place)
{
	char *memory = mmap(NULL, at->desc + RING * entry, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_POPULATE, fd, place);
	struct ring ring;

	check(memory == MAP_FAILED, "mmap");
	ring.producer = (uint32_t *)(memory + at->producer);
	ring.consumer = (uint32_t *)(memory + at->consumer);
	ring.flags = (uint32_t *)(memory + at->flags);
	ring.entries = memory + at->desc;
	ring.head = *ring.producer;
	ring.tail = *ring.consumer;
	return ring;
}

static uint32_t readable(struct ring *ring)
{
	uint32_t count = ring->head - ring->tail;

	if (count < batch) {
		ring->head = __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);
		count = ring->head - ring->tail;
	}
	return count < batch ? count : batch;
}

static uint32_t writable(struct ring *ring)
{
	uint32_t count = RING - (ring->head - ring->tail);

	if (count < batch) {
		ring->tail = __atomic_load_n(ring->consumer, __ATOMIC_ACQUIRE);
		count = RING - (ring->head - ring->tail);
	}
	return count < batch ? count : batch;
}

static void option(int name, const void *value, socklen_t length, const char *what)
{
	check(setsockopt(fd, SOL_XDP, name, value, length), what);
}

static void report(uint64_t frames, uint64_t bytes, uint64_t nanoseconds)
{
	printf("%llu %llu %llu\n", (unsigned long long)frames, (unsigned long long)bytes,
	       (unsigned long long)nanoseconds);
}

static void read_frames(struct ring *rx, struct ring *fill, uint64_t wanted)
{
	uint64_t frames = 0, bytes = 0, first = 0, last = 0;
	struct xdp_desc *descs = rx->entries;
	uint64_t *addresses = fill->entries;
	uint32_t spins = 0;

	while (frames < wanted) {
		uint32_t count = readable(rx);

		if (!count) {
			if (++spins % 1024 == 0 && last && now() - last > IDLE)
				break;
			continue;
		}
		for (uint32_t n = 0; n < count; n++) {
			struct xdp_desc *desc = &descs[(rx->tail + n) & (RING - 1)];

			addresses[(fill->head + n) & (RING - 1)] = desc->addr;
			bytes += desc->len;
		}
		fill->head += count;
		__atomic_store_n(fill->producer, fill->head, __ATOMIC_RELEASE);
		rx->tail += count;
		__atomic_store_n(rx->consumer, rx->tail, __ATOMIC_RELEASE);
		frames += count;
		last = now();
		if (!first)
			first = last;
	}
	report(frames, bytes, last - first);
}

static void write_frames(struct ring *tx, struct ring *completion, uint64_t wanted)
{
	uint64_t sent = 0, done = 0, begin;
	struct xdp_desc *descs = tx->entries;

	for (uint32_t n = 0; n < CHUNKS; n++) {
		char *frame = umem + n * CHUNK;

		memset(frame, 0xff, 6);
		frame[6] = 2;
		frame[12] = (char)0x88;
		frame[13] = (char)0xb5;
	}
	begin = now();
	while (done < wanted) {
		uint32_t count = sent < wanted ? writable(tx) : 0;

		if (count == batch) {
			for (uint32_t n = 0; n < count; n++) {
				struct xdp_desc *desc = &descs[(tx->head + n) & (RING - 1)];

				desc->addr = (sent + n) % CHUNKS * CHUNK;
				desc->len = SIZE;
				desc->options = 0;
			}
			tx->head += count;
			__atomic_store_n(tx->producer, tx->head, __ATOMIC_RELEASE);
			sent += count;
		}
		if (*tx->flags & XDP_RING_NEED_WAKEUP)
			sendto(fd, NULL, 0, MSG_DONTWAIT, NULL, 0);
		count = readable(completion);
		if (count) {
			completion->tail += count;
			__atomic_store_n(completion->consumer, completion->tail,
					 __ATOMIC_RELEASE);
			done += count;
		}
	}
	report(done, done * SIZE, now() - begin);
}

int main(int argc, char **argv)
{
	struct xdp_umem_reg reg = { .len = (uint64_t)CHUNKS * CHUNK, .chunk_size = CHUNK };
	struct sockaddr_xdp address = { .sxdp_family = AF_XDP };
	struct xdp_mmap_offsets at;
	socklen_t length = sizeof(at);
	int size = RING, reading;
	struct ring fill, completion;
	uint64_t wanted;

	if (argc < 5)
		return 2;
	reading = !strcmp(argv[1], "read");
	wanted = strtoull(argv[3], NULL, 10);
	batch = atoi(argv[4]);
	fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	check(fd < 0, "socket");
	umem = mmap(NULL, reg.len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check(umem == MAP_FAILED, "mmap of the umem");
	reg.addr = (uintptr_t)umem;
	option(XDP_UMEM_REG, &reg, sizeof(reg), "XDP_UMEM_REG");
	option(XDP_UMEM_FILL_RING, &size, sizeof(size), "XDP_UMEM_FILL_RING");
	option(XDP_UMEM_COMPLETION_RING, &size, sizeof(size), "XDP_UMEM_COMPLETION_RING");
	option(reading ? XDP_RX_RING : XDP_TX_RING, &size, sizeof(size), "ring");
	if (!reading && batch > BUDGET)
		option(XDP_MAX_TX_SKB_BUDGET, &batch, sizeof(batch), "XDP_MAX_TX_SKB_BUDGET");
	check(getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &at, &length), "XDP_MMAP_OFFSETS");
	fill = map(&at.fr, sizeof(uint64_t), XDP_UMEM_PGOFF_FILL_RING);
	completion = map(&at.cr, sizeof(uint64_t), XDP_UMEM_PGOFF_COMPLETION_RING);

	address.sxdp_flags = XDP_COPY | XDP_USE_NEED_WAKEUP;
	address.sxdp_ifindex = strtoul(argv[2], NULL, 10);
	for (int tries = 0; bind(fd, (struct sockaddr *)&address, sizeof(address)); tries++) {
		check(errno != EBUSY || tries > 500, "bind"); /* freed by a work item */
		usleep(2000);
	}
	if (reading) {
		struct ring rx = map(&at.rx, sizeof(struct xdp_desc), XDP_PGOFF_RX_RING);
		uint32_t key = 0, value = fd;
		union bpf_attr attr = { .map_fd = atoi(argv[5]) };

		attr.key = (uintptr_t)&key;
		attr.value = (uintptr_t)&value;
		for (uint32_t n = 0; n < RING; n++)
			((uint64_t *)fill.entries)[n] = (uint64_t)n * CHUNK;
		fill.head += RING;
		__atomic_store_n(fill.producer, fill.head, __ATOMIC_RELEASE);
		check(syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr)) < 0, "XSKMAP");
		puts("ready");
		fflush(stdout);
		read_frames(&rx, &fill, wanted);
	} else {
		struct ring tx = map(&at.tx, sizeof(struct xdp_desc), XDP_PGOFF_TX_RING);

		puts("ready");
		fflush(stdout);
		write_frames(&tx, &completion, wanted);
	}
	return 0;
}
