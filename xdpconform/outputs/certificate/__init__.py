# SPDX-License-Identifier: MIT
"""The certificate: a page to hand over, and the folder it stands in."""
