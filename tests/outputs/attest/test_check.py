# SPDX-License-Identifier: MIT
"""What a changed certificate is told, and that no bytes of a stranger's do more than that."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.outputs.attest.folders import Keys, changed, files, small
from xdpconform.outputs.attest import attest, ssh
from xdpconform.outputs.attest.check import check
from xdpconform.outputs.attest.names import (
    LIMITS,
    PAGE,
    RECORDING,
    RESULTS,
    SIGNER,
    SSH_SIGNATURE,
    STATEMENTS,
)
from xdpconform.outputs.attest.statement import sha256
from xdpconform.outputs.results import encode
from xdpconform.sources import recording as recordings

if TYPE_CHECKING:
    from collections.abc import Callable

    from xdpconform.outputs.results import Results

Files = dict[str, bytes]


def told(contents: Files) -> list[str]:
    """The problems, as text."""
    return [str(problem) for problem in check(contents).problems]


def restated(edit: Callable[[Any], None]) -> Files:
    """An unsigned certificate whose first statement was changed, and is well written."""
    contents = files(*small())
    first, second = contents[STATEMENTS].splitlines(keepends=True)
    envelope = json.loads(first)
    statement = json.loads(base64.b64decode(envelope["payload"]))
    edit(statement)
    envelope["payload"] = base64.b64encode(msgspec.json.encode(statement, order="sorted")).decode()
    return {**contents, STATEMENTS: msgspec.json.encode(envelope) + b"\n" + second}


def test_changed_results() -> None:
    """Results that were made better are told by digest, and what follows from them is not told."""
    contents = files(*small())
    better = contents[RESULTS].replace(b'"outcome": "pass"', b'"outcome": "fail"', 1)

    found = told({**contents, RESULTS: better})

    assert better != contents[RESULTS]
    assert [
        "results.json: the verdict is CONFORMS, its lines make it FAILS",
        (
            f"results.json: its digest is sha256:{sha256(better)}, certificate.intoto.jsonl says"
            f" {sha256(contents[RESULTS])}"
        ),
    ] == found


def test_changed_page() -> None:
    """A page with another word in it is told by digest alone."""
    contents = files(*small())
    page = contents[PAGE] + b"<p>certified by somebody else</p>"

    assert [
        (
            f"certificate.html: its digest is sha256:{sha256(page)}, certificate.intoto.jsonl says"
            f" {sha256(contents[PAGE])}"
        )
    ] == told({**contents, PAGE: page})


@pytest.mark.parametrize(
    ("edit", "text"),
    [
        (
            lambda one: one["predicate"].update(result="WARNED"),
            'line 1: predicate.result is "WARNED", the files make it "PASSED"',
        ),
        (
            lambda one: one["predicate"]["passedTests"].append("XDP-ACT-01"),
            (
                'line 1: predicate.passedTests is ["XDP-FEAT-01","XDP-FEAT-02[idle]","XDP-ACT-01"],'
                ' the files make it ["XDP-FEAT-01","XDP-FEAT-02[idle]"]'
            ),
        ),
        (
            lambda one: one.update(predicateType="https://example.com/"),
            (
                'line 1: predicateType is "https://example.com/", the files make it'
                ' "https://in-toto.io/attestation/test-result/v0.1"'
            ),
        ),
        (
            lambda one: one.update(more={"a": 1}),
            'line 1: more is {"a":1}, the files make it absent',
        ),
        (lambda one: one["subject"].pop(), f"line 1: says nothing of {PAGE}"),
        (
            lambda one: one["subject"].reverse(),
            "line 1: the files make the same statement, in other bytes",
        ),
    ],
    ids=["result", "passed", "type", "more", "subject", "order"],
)
def test_changed_statement(edit: Callable[[Any], None], text: str) -> None:
    """A statement that says something else than the files is told with both."""
    assert [f"{STATEMENTS}: {text}"] == told(restated(edit))


def test_all_is_told() -> None:
    """Not the first problem alone: of a folder where everything is wrong each file is named."""
    contents: Files = dict.fromkeys(LIMITS, b"x")

    texts = told(contents)

    assert {RESULTS, RECORDING, STATEMENTS, SSH_SIGNATURE} == {text.split(":")[0] for text in texts}
    assert [f"{name}: missing" for name in (RESULTS, PAGE, STATEMENTS)] == told({})


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            lambda results: msgspec.structs.replace(results, started="yesterday"),
            "results.json: started 'yesterday', which is no time of RFC 3339 in UTC",
        ),
        (
            lambda results: msgspec.structs.replace(results, started="2026-11-24T21:38:59+01:00"),
            (
                "results.json: started '2026-11-24T21:38:59+01:00', which is no time of RFC 3339 in"
                " UTC"
            ),
        ),
        (
            lambda results: changed(results, missing=["XDP-FEAT-03"]),
            "results.json: the verdict is CONFORMS, its lines make it INCOMPLETE",
        ),
        (
            lambda results: changed(results, results=[]),
            "results.json: the verdict is CONFORMS, its lines make it INCOMPLETE",
        ),
        (
            lambda results: changed(results, recording=None),
            "recording.rec.json: its digest is DIGEST, results.json names no recording",
        ),
        (
            lambda results: changed(results, recording="sha256:0"),
            "recording.rec.json: its digest is DIGEST, results.json names sha256:0",
        ),
    ],
    ids=["no-time", "not-utc", "missing", "no-lines", "no-recording", "other-recording"],
)
def test_contradictions(change: Callable[[Results], Results], text: str) -> None:
    """Results that cannot be so are refused, though everything was made anew to fit."""
    results, recording = small()

    assert [text.replace("DIGEST", recording.digest)] == told(files(change(results), recording))


def test_recording_missing() -> None:
    """A recording that the results name and nobody gives is told."""
    results, recording = small()

    assert [f"recording.rec.json: missing; results.json names {recording.digest}"] == told(
        files(results, None)
    )


@pytest.mark.parametrize("name", [RESULTS, RECORDING])
def test_other_spelling(name: str) -> None:
    """JSON that says the same in other bytes is refused, though the statements are about them."""
    results, recording = small()
    contents = {RESULTS: encode(results), RECORDING: recordings.encode(recording), PAGE: b"x"}
    contents[name] = contents[name].replace(b"{\n", b"{ \n", 1)

    assert [f"{name}: its content can be read, but xdpconform writes it with other bytes"] == told(
        contents | attest(results, contents, None)
    )


def test_several_nics() -> None:
    """A certificate is about one NIC."""
    results, _recording = small()
    contents = files(results, None)
    both = msgspec.structs.replace(results, nics=results.nics * 2)

    assert "results.json: 2 NICs; a certificate is about one" in told(
        {**contents, RESULTS: encode(both)}
    )


def test_other_recording() -> None:
    """A recording that was made anew to fit its own digest is another than the results name."""
    results, recording = small()
    contents = files(results, recording)
    other = recordings.sealed(msgspec.structs.replace(recording, taken="later"))

    assert (
        f"recording.rec.json: its digest is {other.digest}, results.json names {recording.digest}"
    ) in told({**contents, RECORDING: recordings.encode(other)})


@pytest.mark.parametrize("name", ["pem", "ssh"])
def test_whose_signature(keys: Keys, name: str) -> None:
    """With keys, the signature must be by one of them; without, it says whose it is."""
    signer = keys.signer(name)
    contents = files(*small(), signer)
    file = SIGNER if name == "pem" else SSH_SIGNATURE

    assert [] == check(contents).problems
    for good in ([name], ["other-pem", name, "other-ssh"]):
        assert [] == check(contents, keys.trusted(*good)).problems
    for bad in (["other-pem"], ["other-ssh"], ["other-pem", "other-ssh"]):
        (problem,) = check(contents, keys.trusted(*bad)).problems

        assert file == problem.file
        assert problem.text.endswith("none of the keys given")
        assert signer.label in problem.text


def test_unsigned_where_a_key_is_asked_for(keys: Keys) -> None:
    """Nobody's signature is nobody's whom one trusts."""
    (problem,) = check(files(*small()), keys.trusted("pem")).problems

    assert (STATEMENTS, "nobody signed it, and a signature is asked for") == problem


def test_borrowed_signature(keys: Keys) -> None:
    """A good signature of other statements is none of these."""
    results, recording = small()
    other = files(changed(results, id="other"), recording, keys.signer("ssh"))
    borrowed = files(results, recording, keys.signer("ssh"))
    borrowed[SSH_SIGNATURE] = other[SSH_SIGNATURE]
    first = files(results, recording, keys.signer("pem"))
    lines = first[STATEMENTS].splitlines(keepends=True)
    taken = json.loads(lines[1])["signatures"]
    moved = json.loads(lines[0]) | {"signatures": taken}
    first[STATEMENTS] = msgspec.json.encode(moved) + b"\n" + lines[1]
    label = keys.signer("pem").label

    assert [
        (
            f"{SSH_SIGNATURE}: by {keys.signer('ssh').label}: Signature"
            " verification failed: incorrect signature; Could not verify signature."
        )
    ] == told(borrowed)
    assert [f"{STATEMENTS}: line 1: not signed by the key in {SIGNER}, {label}"] == told(first)


def test_two_kinds_of_signature(keys: Keys) -> None:
    """A PEM key's signature and an OpenSSH key's do not stand together."""
    results, recording = small()
    both = files(results, recording, keys.signer("pem"))
    both |= ssh_signature(keys, both[STATEMENTS])

    assert [f"{SSH_SIGNATURE}: stands beside a signature of a PEM key; see {SIGNER}"] == told(both)


def ssh_signature(keys: Keys, data: bytes) -> Files:
    """An OpenSSH key's signature over any bytes."""
    done = ssh._keygen("sign", "-n", ssh.NAMESPACE, "-f", str(keys.folder / "ssh"), data=data)
    return {SSH_SIGNATURE: done.stdout}


def test_other_namespace(keys: Keys) -> None:
    """A signature that was made for something else, as git's of a commit, is refused."""
    contents = files(*small(), keys.signer("ssh"))
    path = str(keys.folder / "ssh")
    done = ssh._keygen("sign", "-n", "git", "-f", path, data=contents[STATEMENTS])

    assert [f"{SSH_SIGNATURE}: a signature for 'git', not for 'xdpconform'"] == told(
        {**contents, SSH_SIGNATURE: done.stdout}
    )


def test_lone_lines() -> None:
    """Statements that stand alone, or in the other order, are refused."""
    contents = files(*small())
    first, second = contents[STATEMENTS].splitlines(keepends=True)

    for data in (first, second, first + second + second, second + first, b"\n\n", b""):
        assert told({**contents, STATEMENTS: data})


def test_deep_nesting() -> None:
    """JSON that is nested without end is a problem, not an exception."""
    deep = b"[" * 100_000

    for name in (RESULTS, RECORDING, STATEMENTS):
        assert any(text.startswith(name) for text in told({**files(*small()), name: deep}))
    payload = base64.b64encode(deep)
    line = (
        b'{"payload":"%b","payloadType":"application/vnd.in-toto+json","signatures":[]}\n' % payload
    )
    assert any("no statement" in text for text in told({**files(*small()), STATEMENTS: line * 2}))


def test_odd_numbers() -> None:
    """Numbers that cannot be written again are a problem, not an exception."""
    contents = files(*small())
    for number in (b"1" * 400, b"1e400", b"-0", b"1.0", b"123456789012345678901234567890"):
        data = contents[RESULTS].replace(b'"evidence": {}', b'"evidence": {"a": %b}' % number, 1)

        assert any(text.startswith(RESULTS) for text in told({**contents, RESULTS: data}))


BROKEN = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["subject", "digest", "name", "nics", "payload", "signatures", "sig"]
                )
                | st.text(max_size=5),
                inner,
                max_size=4,
            )
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode()),
)


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from([one for one in LIMITS if one != SSH_SIGNATURE]), BROKEN),
    st.sets(st.sampled_from(sorted(LIMITS))),
)
def test_any_bytes(broken: Files, lost: set[str]) -> None:
    """Whatever the files hold: problems, and never an exception."""
    whole = files(*small())
    contents = {name: data for name, data in (whole | broken).items() if name not in lost}

    problems = check(contents).problems

    assert all(problem.file and problem.text for problem in problems)
    if any(data != whole.get(name) for name, data in contents.items()):
        assert problems


@settings(deadline=None)
@given(BROKEN)
def test_any_payload(payload: bytes) -> None:
    """Whatever a statement holds in a well-written envelope: a problem."""
    contents = files(*small())
    _first, second = contents[STATEMENTS].splitlines(keepends=True)
    envelope = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": "application/vnd.in-toto+json",
        "signatures": [],
    }

    assert told({**contents, STATEMENTS: msgspec.json.encode(envelope) + b"\n" + second})


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_signature(blob: bytes) -> None:
    """Whatever a signature of OpenSSH says: refused before anybody is asked, or by ssh-keygen."""
    for data in (blob, ssh.armored(blob), ssh.armored(b"SSHSIG\0\0\0\1" + blob)):
        contents = {**files(*small()), SSH_SIGNATURE: data}
        with contextlib.suppress(ValueError):
            assert ssh.read_signature(data).label
            continue  # ssh-keygen would be asked

        assert [SSH_SIGNATURE] == [problem.file for problem in check(contents).problems]


def test_attested_files_are_known(keys: Keys) -> None:
    """Whoever signs, no file is written that verification does not know."""
    results, recording = small()
    given_files = {RESULTS: encode(results), RECORDING: recordings.encode(recording), PAGE: b"x"}
    for signer in (None, keys.signer("pem"), keys.signer("ssh")):
        assert set(attest(results, given_files, signer)) <= set(LIMITS)
