# SPDX-License-Identifier: MIT
"""``xdpconform verify``: whether certificates are what was signed, and what their recordings give.

Imports what a certificate needs: judging again only with ``--replay``, cryptography only where a
PEM key signed, ssh-keygen only where an OpenSSH key did.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from xdpconform import __version__
from xdpconform.errors import InputError
from xdpconform.files import read_file, why_unread
from xdpconform.interfaces import shown
from xdpconform.outputs.attest.check import Checked, Problem, check
from xdpconform.outputs.attest.keys import Trusted, load_trusted
from xdpconform.outputs.attest.names import INDEX, LIMITS, PAGE

if TYPE_CHECKING:
    from xdpconform.outputs.attest.replay import Replayed
    from xdpconform.profiles import Shelf

_STRANGERS: Final = 20
"""Files that do not belong to a certificate, and are named."""


class Verified(NamedTuple):
    """A certificate, or the index page of several, and what was found of it."""

    folder: Path
    """Of an index the page itself."""
    checked: Checked
    problems: list[Problem]
    """All of them: of the folder, of its files, and of the replay."""
    replayed: Replayed | None = None


def verify(
    words: Sequence[str],
    *,
    keys: Sequence[str] = (),
    replay: bool = False,
    profiles: Sequence[str] = (),
    as_json: bool = False,
) -> int:
    """Verify certificates, and say of each what is wrong with it.

    Args:
        words: folders: a certificate's, or one with certificates of several NICs.
        keys: files of public keys (PEM, OpenSSH's ``.pub``, allowed signers), one of which must
            have signed; any signature, or none, will do if there are no files.
        replay: judge the recordings again, and compare.
        profiles: files and folders that come before the shipped profiles.
        as_json: print JSON.

    Returns:
        The exit status: 0 if all are verified, 1 if one is refused.

    Raises:
        XdpConformError: no such folder, a key or profile that cannot be used, or ssh-keygen or the
            extra ``sign`` is missing.
    """
    trusted = load_trusted(map(Path, keys))
    shelf = _shelf(profiles) if replay else None
    found = []
    for place in map(Path, words):
        folders = _folders(place)
        these = [verify_folder(folder, trusted, shelf) for folder in folders]
        if folders != [place]:
            these.append(verify_index(place, these))
        found += these
        if not as_json:
            sys.stdout.writelines(_text(one, trusted) for one in these)
    if as_json:
        sys.stdout.write(json.dumps([_json(one, trusted) for one in found], indent=2) + "\n")
    return 1 if any(one.problems for one in found) else 0


def verify_folder(
    folder: Path, trusted: Trusted | None = None, shelf: Shelf | None = None
) -> Verified:
    """Verify one certificate.

    Args:
        folder: which holds it and nothing else.
        trusted: whose signature it must have; None if any or none will do.
        shelf: the profiles to judge its recording by; None for no replay.

    Raises:
        InputError: a signature cannot be checked here.
    """
    problems: list[Problem] = []
    files = dict(_files(folder, problems))
    unread = {problem.file for problem in problems}
    checked = check(files, trusted)
    problems += [one for one in checked.problems if one.file not in unread]
    if shelf is None or checked.results is None:
        return Verified(folder, checked, problems)
    from xdpconform.outputs.attest.replay import replay

    replayed = replay(checked.results, checked.recording, shelf)
    return Verified(folder, checked, [*problems, *replayed.problems], replayed)


def verify_index(place: Path, certificates: Sequence[Verified]) -> Verified:
    """Verify the index page of several certificates: it is what they make.

    Args:
        place: the folder that holds them.
        certificates: all of them, verified.
    """
    from xdpconform.outputs.certificate.page import Entry, index_page

    entries = [
        Entry(one.folder.name, one.checked.results)
        for one in certificates
        if one.checked.results is not None
    ]
    problems: list[Problem] = []
    try:
        if read_file(place / INDEX, LIMITS[PAGE], follow=False) != index_page(entries):
            made = f"not what xdpconform {__version__} makes of these certificates"
            why = "changed, or made by another version; 'certify' makes it anew"
            problems.append(Problem(INDEX, f"{made}: {why}"))
    except (OSError, ValueError) as error:
        problems.append(Problem(INDEX, why_unread(error)))
    return Verified(place / INDEX, Checked(None, None, None, []), problems)


def _shelf(profiles: Sequence[str]) -> Shelf:
    from xdpconform.profiles import Shelf

    return Shelf(map(Path, profiles))


def _folders(path: Path) -> list[Path]:
    """The certificates in a folder: itself, or those below an index page.

    Raises:
        InputError: there are none, or something else stands beside them.
    """
    try:
        names = sorted(os.listdir(path))
    except (OSError, ValueError) as error:  # ValueError: a null character
        why = getattr(error, "strerror", None) or error
        raise InputError(
            f"{path}: {why}; give the folder that 'xdpconform certify' wrote"
        ) from error
    if any(name in LIMITS for name in names):
        return [path]
    folders = [path / name for name in names if name != INDEX]
    if INDEX not in names or not folders:
        raise InputError(
            f"{path}: no certificate; 'xdpconform certify RESULTS -o {path}' makes one"
        )
    for folder in folders:
        if folder.is_symlink() or not folder.is_dir():
            raise InputError(f"{folder}: not the folder of a certificate, and stands beside them")
    return folders


def _files(folder: Path, problems: list[Problem]) -> Iterator[tuple[str, bytes]]:
    """The files of a certificate, each read up to its limit and no link followed."""
    names = set(os.listdir(folder))
    strangers = sorted(names.difference(LIMITS))
    problems += [
        Problem(shown(name), "no file of a certificate") for name in strangers[:_STRANGERS]
    ]
    if len(strangers) > _STRANGERS:
        more = len(strangers) - _STRANGERS
        problems.append(Problem(shown(str(folder)), f"{more} more that are none"))
    for name, limit in LIMITS.items():
        if name not in names:
            continue
        try:
            yield name, read_file(folder / name, limit, follow=False)
        except (OSError, ValueError) as error:
            problems.append(Problem(name, why_unread(error)))


def _text(one: Verified, trusted: Trusted | None) -> str:
    folder = shown(str(one.folder))
    lines = [f"    {problem}" for problem in one.problems]
    lines += [f"    {note}" for note in (one.replayed.notes if one.replayed else ())]
    if one.problems:
        return "\n".join([f"{folder}: refused", *lines]) + "\n"
    results = one.checked.results
    if results is None:
        return f"{folder}: verified: the list that these certificates make\n"
    (nic,) = results.nics
    said = f"{shown(nic.id)} {nic.verdict} at level {results.level}"
    if nic.source == "mock":
        said += " (simulated: no NIC was asked)"
    lines.insert(0, f"    {_signed(one.checked.signer, trusted)}")
    if one.replayed is not None:
        lines.insert(1, f"    {_replayed(one.replayed)}")
    return "\n".join([f"{folder}: verified: {said}", *lines]) + "\n"


def _signed(signer: str | None, trusted: Trusted | None) -> str:
    if signer is None:
        return "not signed: its files belong together, and anybody can have made them"
    if trusted is None:
        return f"signed by {signer}; nobody said whom to trust: give --key"
    return f"signed by {signer}, which is a key given"


def _replayed(replayed: Replayed) -> str:
    text = f"replayed: {replayed.same} lines are the same"
    if replayed.above:
        text += f"; {replayed.above} above level claims cannot be replayed"
    return text


def _json(one: Verified, trusted: Trusted | None) -> dict[str, object]:
    results, replayed = one.checked.results, one.replayed
    nic = results.nics[0] if results else None
    return {
        "folder": str(one.folder),
        "verified": not one.problems,
        "nic": nic and nic.id,
        "source": nic and nic.source,
        "verdict": nic and nic.verdict,
        "level": results and results.level,
        "signer": one.checked.signer,
        "trusted": trusted is not None and not one.problems,
        "problems": [problem._asdict() for problem in one.problems],
        "replay": replayed
        and {"same": replayed.same, "above": replayed.above, "notes": replayed.notes},
    }
