# SPDX-License-Identifier: MIT
"""Whether a certificate's files are what their statements say: every byte of them is held.

results.json and the recording are read and written again, the statements are made again from them,
the page is held by its digest alone so that a later renderer changes nothing. All that is wrong is
told, not the first of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from xdpconform.errors import InputError, RecordingError
from xdpconform.interfaces import shown
from xdpconform.judge import Outcome, Verdict, verdict
from xdpconform.outputs.attest import pem, ssh
from xdpconform.outputs.attest.envelope import PAYLOAD_TYPE, Envelope, line, read_line
from xdpconform.outputs.attest.keys import Trusted
from xdpconform.outputs.attest.names import (
    PAGE,
    RECORDING,
    RESULTS,
    SIGNER,
    SSH_SIGNATURE,
    STATEMENTS,
    SUBJECTS,
)
from xdpconform.outputs.attest.statement import sha256, statements
from xdpconform.outputs.results import NicResults, Results, decode, encode
from xdpconform.sources import recording as recordings
from xdpconform.sources.recording import Recording

_TOLD: Final = 300
"""Characters of an error that are passed on, which may hold a key of megabytes."""
_DIFFERENCES: Final = 5
"""Of one statement, that are told."""
_UNWRITTEN: Final = "its content can be read, but xdpconform writes it with other bytes"


class Problem(NamedTuple):
    """Something that is wrong."""

    file: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}: {self.text}"


class Checked(NamedTuple):
    """What was found of a certificate."""

    results: Results | None
    recording: Recording | None
    signer: str | None
    """The label of the key that its signature names; None where nobody signed."""
    problems: list[Problem]


def check(files: Mapping[str, bytes], trusted: Trusted | None = None) -> Checked:
    """Check a certificate.

    Args:
        files: its files, by name.
        trusted: whose signature it must have; None if any or none will do.

    Raises:
        InputError: a signature cannot be checked here, since ssh-keygen or the extra is missing.
    """
    problems = [
        Problem(name, "missing") for name in (RESULTS, PAGE, STATEMENTS) if name not in files
    ]
    results = _results(files, problems)
    recording = _recording(files, results, problems)
    envelopes = _statements(files, results, problems)
    signer = _signer(files, envelopes, trusted, problems)
    return Checked(results, recording, signer, list(dict.fromkeys(problems)))


def _results(files: Mapping[str, bytes], problems: list[Problem]) -> Results | None:
    data = files.get(RESULTS)
    if data is None:
        return None
    try:
        results = decode(data, RESULTS)
        written = encode(results)
    except (InputError, ValueError, OverflowError, RecursionError) as error:
        problems.append(Problem(RESULTS, _short(error).removeprefix(f"{RESULTS}: ")))
        return None
    if written != data:
        problems.append(Problem(RESULTS, _UNWRITTEN))
    if len(results.nics) != 1:
        problems.append(Problem(RESULTS, f"{len(results.nics)} NICs; a certificate is about one"))
        return None
    problems += [Problem(RESULTS, text) for text in _contradictions(results, results.nics[0])]
    return results


def _contradictions(results: Results, nic: NicResults) -> Iterator[str]:
    """What the results say that cannot be so, whatever the NIC is."""
    if moment(results) is None:
        yield f"started {shown(results.started)[:40]!r}, which is no time of RFC 3339 in UTC"
    word = verdict(Outcome(one.outcome) for one in nic.results)
    if nic.missing and word is Verdict.CONFORMS:
        word = Verdict.INCOMPLETE
    if nic.verdict != word.value:
        yield f"the verdict is {nic.verdict}, its lines make it {word.value}"


def moment(results: Results) -> datetime | None:
    """When the run started; None where it does not say."""
    try:
        found = datetime.fromisoformat(results.started)
    except ValueError:
        return None
    return found if found.utcoffset() == timedelta(0) else None


def _recording(
    files: Mapping[str, bytes], results: Results | None, problems: list[Problem]
) -> Recording | None:
    data = files.get(RECORDING)
    named = results.nics[0].recording if results else None
    if data is None:
        if named is not None:
            problems.append(Problem(RECORDING, f"missing; {RESULTS} names {_short(named)}"))
        return None
    try:
        recording = recordings.decode(data, RECORDING)
        written = recordings.encode(recording)
    except (RecordingError, ValueError, OverflowError) as error:
        problems.append(Problem(RECORDING, _short(error).removeprefix(f"{RECORDING}: ")))
        return None
    if written != data:
        problems.append(Problem(RECORDING, _UNWRITTEN))
    if results is not None and named != recording.digest:
        names = f"names {_short(named)}" if named else "names no recording"
        problems.append(Problem(RECORDING, f"its digest is {recording.digest}, {RESULTS} {names}"))
    return recording


def _statements(
    files: Mapping[str, bytes], results: Results | None, problems: list[Problem]
) -> list[Envelope]:
    data = files.get(STATEMENTS)
    if data is None:
        return []
    whole, newline, rest = data.rpartition(b"\n")
    texts = whole.split(b"\n", 2)
    if not newline or rest or len(texts) != 2 or b"\n" in texts[1]:
        problems.append(Problem(STATEMENTS, "two lines are expected, each with its end"))
    wanted: Sequence[bytes | None] = statements(results, files) if results else (None, None)
    envelopes = []
    for number, (text, payload) in enumerate(zip(texts, wanted, strict=False), 1):
        place = f"line {number}"
        try:
            envelope = read_line(text)
        except ValueError as error:
            problems.append(Problem(STATEMENTS, f"{place}: no DSSE envelope: {_short(error)}"))
            continue
        envelopes.append(envelope)
        if line(envelope) != text + b"\n":
            problems.append(Problem(STATEMENTS, f"{place}: {_UNWRITTEN}"))
        if envelope.payload_type != PAYLOAD_TYPE:
            problems.append(Problem(STATEMENTS, f"{place}: payloadType is not {PAYLOAD_TYPE}"))
        problems += _payload(envelope.payload, payload, files, place)
    return envelopes


def _payload(
    found: bytes, wanted: bytes | None, files: Mapping[str, bytes], place: str
) -> list[Problem]:
    """How a statement differs from what the files make."""
    if found == wanted:
        return []
    try:
        stated = msgspec.json.decode(found)
    except (ValueError, RecursionError) as error:
        return [Problem(STATEMENTS, f"{place}: no statement: {_short(error)}")]
    digests = _digests(stated)
    problems = [*_subjects(digests, files, place)]
    # The rest follows from results.json: where that was changed, everything else would differ too.
    if wanted is None or digests.get(RESULTS) != sha256(files[RESULTS]):
        return problems
    told = list(_differences("", stated, msgspec.json.decode(wanted)))[:_DIFFERENCES]
    if not told and not problems:
        told = ["the files make the same statement, in other bytes"]
    return [*problems, *(Problem(STATEMENTS, f"{place}: {text}") for text in told)]


def _subjects(
    digests: Mapping[str, str], files: Mapping[str, bytes], place: str
) -> Iterator[Problem]:
    for name in SUBJECTS:
        if name not in files:
            if name in digests:
                yield Problem(name, f"missing, though {STATEMENTS} is about it")
        elif name not in digests:
            yield Problem(STATEMENTS, f"{place}: says nothing of {name}")
        elif digests[name] != (found := sha256(files[name])):
            says = shown(digests[name])[:80]
            yield Problem(name, f"its digest is sha256:{found}, {STATEMENTS} says {says}")


def _digests(stated: object) -> dict[str, str]:
    found: dict[str, str] = {}
    subjects = stated.get("subject") if isinstance(stated, dict) else None
    for subject in subjects if isinstance(subjects, list) else ():
        if isinstance(subject, dict) and isinstance(digest := subject.get("digest"), dict):
            found[str(subject.get("name"))] = str(digest.get("sha256"))
    return found


def _differences(place: str, found: object, wanted: object) -> Iterator[str]:
    if place == "subject" or found == wanted:  # subjects are told of by file
        return
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in sorted({*found, *wanted}):
            inner = f"{place}.{key}" if place else key
            yield from _differences(inner, found.get(key), wanted.get(key))
        return
    yield f"{_short(place)} is {_brief(found)}, the files make it {_brief(wanted)}"


def _brief(value: object) -> str:
    return "absent" if value is None else _short(msgspec.json.encode(value).decode())


def _signer(
    files: Mapping[str, bytes],
    envelopes: Sequence[Envelope],
    trusted: Trusted | None,
    problems: list[Problem],
) -> str | None:
    signed = any(envelope.signatures for envelope in envelopes)
    if SSH_SIGNATURE in files:
        if signed or SIGNER in files:
            problems.append(
                Problem(SSH_SIGNATURE, f"stands beside a signature of a PEM key; see {SIGNER}")
            )
        return _ssh_signer(files, trusted, problems)
    if SIGNER in files:
        return _pem_signer(files[SIGNER], envelopes, trusted, problems)
    if signed:
        problems.append(Problem(SIGNER, f"missing, though {STATEMENTS} is signed"))
    elif trusted is not None:
        problems.append(Problem(STATEMENTS, "nobody signed it, and a signature is asked for"))
    return None


def _pem_signer(
    data: bytes,
    envelopes: Sequence[Envelope],
    trusted: Trusted | None,
    problems: list[Problem],
) -> str | None:
    try:
        key = pem.read_public(data)
    except ValueError as error:
        problems.append(Problem(SIGNER, str(error)))
        return None
    for number, envelope in enumerate(envelopes, 1):
        if not pem.verifies(key, envelope):
            text = f"line {number}: not signed by the key in {SIGNER}, {key.label}"
            problems.append(Problem(STATEMENTS, text))
    if trusted is not None and key not in trusted.keys:
        problems.append(Problem(SIGNER, f"{key.label} is none of the keys given"))
    return key.label


def _ssh_signer(
    files: Mapping[str, bytes], trusted: Trusted | None, problems: list[Problem]
) -> str | None:
    data, signature = files.get(STATEMENTS), files[SSH_SIGNATURE]
    try:
        label = ssh.read_signature(signature).label
    except ValueError as error:
        problems.append(Problem(SSH_SIGNATURE, _short(error)))
        return None
    if data is None:
        return label
    if trusted is not None and trusted.signers:
        why = ssh.check_allowed(data, signature, trusted.signers)
    else:
        why = ssh.check(data, signature)
        if not why and trusted is not None:
            why = "none of the keys given"
    if why:
        problems.append(Problem(SSH_SIGNATURE, f"by {label}: {why}"))
    return label


def _short(what: object) -> str:
    text = shown(str(what)[: 2 * _TOLD])
    return text if len(text) <= _TOLD else f"{text[:_TOLD]}..."
