# SPDX-License-Identifier: MIT
"""BPF from Python: programs, maps, links and tracepoints by bpf(2) alone."""
