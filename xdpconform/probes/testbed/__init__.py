# SPDX-License-Identifier: MIT
"""What stands around the NIC: namespaces, ports, wires, settings."""
