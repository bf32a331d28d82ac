# SPDX-License-Identifier: MIT
"""Netlink as bytes: messages, attributes, transactions, and the families that are read.

Nothing here opens a socket. `wire` splits and joins bytes, `transaction` runs one exchange,
`genl`, `netdev`, `ethtool` and `rtnl` know one family each.
"""
