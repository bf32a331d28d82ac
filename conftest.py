# SPDX-License-Identifier: MIT
"""Loads the plugin in a bare checkout; where the package is installed this changes nothing."""

pytest_plugins = ["xdpconform.plugin"]
