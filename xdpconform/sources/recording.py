# SPDX-License-Identifier: MIT
"""Recordings: the raw bytes that a source saw, as a file that can be judged again anywhere.

The structs are the format; the JSON Schema in ``xdpconform/schema`` is made from them, and
docs/recordings.md explains them. Bytes are base64, as JSON has no better. A file from a stranger is
read within bounds: of its size, of every list, of every text; nothing in it is run or followed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from glob import glob, has_magic
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from xdpconform.errors import InputError, RecordingError
from xdpconform.files import read_file, why_unread

SCHEMA: Final = "xdpconform-recording-1"
SUFFIX: Final = ".rec.json"
"""What a recording's name ends with: in a folder only such files are taken for recordings."""
SIZE_LIMIT: Final = 1 << 24
"""Bytes of a file. One NIC among a thousand links needs about 3 MB."""

Text = Annotated[str, Meta(max_length=4096)]
Name = Annotated[str, Meta(min_length=1, max_length=512)]
Release = Annotated[str, Meta(pattern=r"^[0-9]{1,4}\.[0-9]{1,4}", max_length=512)]
Request = Annotated[bytes, Meta(min_length=16, max_length=1 << 16)]
Datagram = Annotated[bytes, Meta(max_length=1 << 22)]  # BUFFER_LIMIT of the live kernel's channel


class Tool(Struct, frozen=True, forbid_unknown_fields=True):
    """What made the recording."""

    name: Name
    version: Name


class RecordedNic(Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """Which device, for readers: a replay takes all of it from the bytes."""

    ifname: Name
    ifindex: Annotated[int, Meta(ge=1, le=0x7FFFFFFF)]
    state: Literal["idle", "attached"]
    driver: Text | None = None
    driver_version: Text | None = None
    firmware: Text | None = None
    bus_info: Text | None = None
    bus: Text | None = None
    kind: Text | None = None
    pci: Text | None = None


class Exchanged(Struct, frozen=True, forbid_unknown_fields=True):
    """One netlink request and the datagrams that answered it."""

    what: Name
    protocol: Literal[0, 16]
    """NETLINK_ROUTE or NETLINK_GENERIC."""
    request: Request
    replies: Annotated[list[Datagram], Meta(max_length=4096)]


class Read(Struct, frozen=True, forbid_unknown_fields=True):
    """What else than netlink told of an interface."""

    sysfs: Annotated[dict[Name, Annotated[str, Meta(max_length=1 << 16)]], Meta(max_length=64)]
    """Text by path below /sys/class/net/IFNAME."""
    drvinfo: Annotated[bytes, Meta(max_length=196)] | None = None
    """struct ethtool_drvinfo; empty where the driver has none, null where nobody asked."""


class Watched(Struct, frozen=True, forbid_unknown_fields=True):
    """What a listener on the group mgmt saw of a veth pair's life, then a reply to dev-get."""

    datagrams: Annotated[list[Datagram], Meta(max_length=64)] = []
    problem: Text = ""
    """Why nothing could be seen; empty if all went well."""


class Recording(Struct, frozen=True, forbid_unknown_fields=True):
    """One moment of one or more NICs."""

    schema: Literal["xdpconform-recording-1"]
    tool: Tool
    taken: Name
    """When, RFC 3339, in UTC."""
    kernel: Release
    """uname -r"""
    redacted: bool
    """Whether MAC addresses, host names and serial numbers were taken out."""
    nics: Annotated[list[RecordedNic], Meta(min_length=1, max_length=1024)]
    exchanges: Annotated[list[Exchanged], Meta(max_length=1 << 16)]
    """In the order they were asked."""
    devices: Annotated[dict[Name, Read], Meta(max_length=4096)]
    """By interface name."""
    notifications: Watched
    digest: Annotated[str, Meta(pattern="^(sha256:[0-9a-f]{64})?$")] = ""
    """Of all the rest, see `sealed`."""


_decoder: Final = msgspec.json.Decoder(Recording)
_encoder: Final = msgspec.json.Encoder()


def digest_of(recording: Recording) -> str:
    """``sha256:`` and the digest of the recording's JSON without spaces, its own digest empty.

    Fields are in the order of the struct, exchanges in the order they were asked.
    """
    bare = msgspec.structs.replace(recording, digest="")
    return f"sha256:{hashlib.sha256(_encoder.encode(bare)).hexdigest()}"


def sealed(recording: Recording) -> Recording:
    """The recording with its digest."""
    return msgspec.structs.replace(recording, digest=digest_of(recording))


def encode(recording: Recording) -> bytes:
    """As a file: two spaces deep, so that two can be compared by eye."""
    return msgspec.json.format(_encoder.encode(recording), indent=2) + b"\n"


def decode(data: bytes, name: str) -> Recording:
    """The recording in a file's bytes.

    Args:
        data: the bytes.
        name: what to call the file in errors.

    Raises:
        RecordingError: no recording of this format, or one that was changed since it was made.
    """
    if len(data) > SIZE_LIMIT:
        raise RecordingError(f"{name}: larger than {SIZE_LIMIT} bytes; no recording is")
    try:
        recording = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        text = str(error)[:500]  # which may name a key of megabytes
        raise RecordingError(f"{name}: not a recording of format {SCHEMA}: {text}") from error
    except RecursionError as error:
        raise RecordingError(f"{name}: not a recording: nested too deeply") from error
    found = digest_of(recording)
    if recording.digest != found:
        raise RecordingError(
            f"{name}: changed since it was made: its digest is {recording.digest or 'missing'},"
            f" that of its content {found}"
        )
    names = {nic.ifname for nic in recording.nics}
    if len(names) < len(recording.nics):
        raise RecordingError(f"{name}: a NIC stands there twice; made by hand?")
    return recording


def read(path: Path) -> Recording:
    """The recording in a file.

    Raises:
        RecordingError: it cannot be read, or is none.
    """
    try:
        data = read_file(path, SIZE_LIMIT)
    except (OSError, ValueError) as error:
        raise RecordingError(f"{path}: cannot be read: {why_unread(error)}") from error
    return decode(data, str(path))


def files_of(words: Iterable[str]) -> list[Path]:
    """The files that a user's words mean: a file, those in a folder and below it, or a glob.

    Each file once, a word's files by name.

    Raises:
        InputError: a word means no file.
    """
    found: dict[Path, None] = {}
    for word in words:
        paths = [Path(one) for one in sorted(glob(word, recursive=True))] if has_magic(word) else []
        paths = paths or [Path(word)]
        files = [file for path in paths for file in files_below(path)]
        if not files:
            what = f"no *{SUFFIX} in it" if Path(word).is_dir() else "no such file"
            raise InputError(f"recording {word}: {what}; xdpconform record makes them")
        found.update(dict.fromkeys(files))
    return list(found)


def files_below(path: Path) -> list[Path]:
    """The recordings in a folder and below it, by name; of a file itself, if it is there."""
    if not path.is_dir():
        return [path] if path.exists() else []
    return sorted(
        Path(folder, name)
        for folder, _folders, names in os.walk(path)
        for name in names
        if name.endswith(SUFFIX)
    )


def name_of(path: Path) -> str:
    """What a recording is called: its file's name without what every recording's ends with."""
    return path.name.removesuffix(SUFFIX).removesuffix(".json")
