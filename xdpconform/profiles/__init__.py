# SPDX-License-Identifier: MIT
"""Profiles: what a driver should claim, as TOML files beside this module."""

from xdpconform.profiles.load import LoadedProfile, load, load_all
from xdpconform.profiles.match import Expect, Expectation, Match, Segments, match
from xdpconform.profiles.shelf import Shelf

__all__ = [
    "Expect",
    "Expectation",
    "LoadedProfile",
    "Match",
    "Segments",
    "Shelf",
    "load",
    "load_all",
    "match",
]
