# SPDX-License-Identifier: MIT
"""Attestation: statements about a certificate's files, and signatures over them."""
