# SPDX-License-Identifier: MIT
"""The virtual lab: drivers and kernels as distributions ship them, in QEMU, judged by the suite.

Packages are fetched and unpacked beside the host, never installed (`apt`, `packages`). A guest's
image is made of them, of the running Python and of this project (`image`). The guest runs pytest
on the NICs it has (`guest`) and tells line by line how far it is (`story`), so that a kernel that
breaks costs the requirement that broke it and no other.
"""
