# SPDX-License-Identifier: MIT
"""``xdpconform matrix`` over 10,000 certificates: time, memory, the first page and Chromium.

The certificates begin as recordings of every NIC that the mock kernel knows, judged at level
claims. Each is then given a kernel, a day, a slot and, in a tenth of them, the lines of level
packets; some lines fail, are blocked or waived. Their digests are in statements; their pages are
stubs, since a matrix only links to them. One core, the folders' files in the page cache.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from benchmarks.installed import folder, scripts
from benchmarks.measure import Bar, Report, Timing, Unmeasured
from benchmarks.stored import make as make_recordings
from xdpconform.lab import specification
from xdpconform.outputs.inputs import judged
from xdpconform.outputs.results import Result, Results, encode
from xdpconform.profiles import Shelf
from xdpconform.stored import take_recording

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.measure import Settings

CERTIFICATES = 10_000
MASTERS = 312
"""Recordings that are judged: every row of the mock on each kernel and in each state."""
ROUNDS = 3
RELEASES: Final = (
    *(f"6.{minor}.0" for minor in range(3, 20)),
    "6.12.0-55.9.1.el10_0.x86_64",
    "6.8.0-31-generic",
    "6.14.0-1008-aws",
    "7.0.0",
    "7.1.0-rc3",
    "7.1.0",
    "7.2.0",
    "7.3.0-rc1",
)
STUB: Final = b'<!DOCTYPE html><html lang="en"><title>Certificate</title>'
MEGABYTE = 1 << 20


def measure(settings: Settings) -> Report:
    """Build the site some times, then look at it."""
    number = CERTIFICATES // 10 if settings.quick else CERTIFICATES
    place, site = folder() / "certificates", folder() / "site"
    size = make(place, number)
    seconds: list[float] = []
    processor: list[float] = []
    peak = 0
    for _round in range(settings.rounds(ROUNDS)):
        shutil.rmtree(site, ignore_errors=True)
        took, usage = _build(place, site)
        seconds.append(took)
        processor.append(usage.ru_utime + usage.ru_stime)
        peak = max(peak, usage.ru_maxrss)
    first = (site / "index.html").stat().st_size
    pages = list(site.rglob("*.html"))
    loaded, painted = _shown(site / "index.html")
    built = Timing(f"{number} certificates to a site", seconds)
    bars = [
        Bar("built", built.median, 20 * number / CERTIFICATES, "s"),
        Bar("peak memory", peak / 1024, 300, "MB"),
        Bar("first page", first / MEGABYTE, 1, "MB"),
        Bar("Chromium: loaded", loaded, 2, "s"),
        Bar("Chromium: first contentful paint", painted, 2, "s"),
    ]
    total = sum(path.stat().st_size for path in pages)
    most = max(path.stat().st_size for path in pages)
    index = (site / "index.sqlite").stat().st_size
    return Report(
        [built, Timing("of it processor time", processor)],
        bars,
        (
            f"{size / MEGABYTE:.0f} MB of results.json",
            f"{len(pages)} pages of {total / MEGABYTE:.0f} MB, the largest {most / MEGABYTE:.1f}",
            f"index.sqlite {index / MEGABYTE:.0f} MB",
        ),
    )


def make(place: Path, number: int) -> int:
    """Fill a folder with certificates; the bytes of their results.json."""
    size = 0
    for count, results in enumerate(_results(place, number)):
        data = encode(results)
        nic = results.nics[0]
        one = place / (nic.identity.driver or "unknown") / f"{nic.identity.kernel}-{count:05}"
        one.mkdir(parents=True)
        (one / "results.json").write_bytes(data)
        (one / "certificate.intoto.jsonl").write_bytes(envelope(data))
        (one / "certificate.html").write_bytes(STUB)
        size += len(data)
    return size


def envelope(data: bytes) -> bytes:
    """The unsigned statement of a results.json."""
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "results.json", "digest": {"sha256": sha256(data).hexdigest()}}],
        "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
        "predicate": {},
    }
    wrapped = {
        "payload": b64encode(json.dumps(statement).encode()).decode(),
        "payloadType": "application/vnd.in-toto+json",
        "signatures": [],
    }
    return json.dumps(wrapped).encode() + b"\n"


def _results(place: Path, number: int) -> Iterator[Results]:
    recordings = place.with_name("matrix-recordings")
    make_recordings(recordings, MASTERS)
    shelf = Shelf()
    began = datetime(2026, 1, 1, tzinfo=UTC)
    masters = [
        judged(subject, began)
        for path in sorted(recordings.iterdir())
        for subject in take_recording(path, shelf)
    ]
    chance = random.Random(6)
    above = [
        Result(name, one.title, "", "pass", None, "packets", "as claimed", "as claimed", "", _SEEN)
        for name, one in specification().items()
        if one.level.value != "claims"
    ]
    for count in range(number):
        master = masters[count % len(masters)]
        nic = master.nics[0]
        lines = nic.results + (above if chance.random() < 0.1 else [])
        lines = [_varied(line, chance) for line in lines]
        identity = replace(
            nic.identity,
            kernel=RELEASES[chance.randrange(len(RELEASES))],
            bus_info=f"0000:{chance.randrange(8):02x}:00.0",
            firmware=f"{chance.randrange(10, 30)}.{chance.randrange(100)}",
        )
        fails = any(line.outcome == "fail" for line in lines)
        yield replace(
            master,
            started=(began + timedelta(minutes=41 * count)).isoformat(timespec="seconds"),
            level="packets" if len(lines) > len(nic.results) else "claims",
            nics=[
                replace(
                    nic,
                    identity=identity,
                    verdict="FAILS" if fails else nic.verdict,
                    results=lines,
                )
            ],
        )


_SEEN: Final = {
    "counters": {"rx_packets": 100, "rx_queue_0_xdp_packets": 100, "rx_queue_0_xdp_drops": 0},
    "delivered": {"digest": "dc2b1bf0" * 8, "frames": 100, "intact": 100, "repeated": 0},
    "sent": 100,
    "mode": "native",
    "tracepoints": ["xdp_exception"] * 40,
}


def _varied(line: Result, chance: random.Random) -> Result:
    drawn = chance.random()
    if drawn < 0.003:
        return replace(line, outcome="fail", kind="mismatch", reason=f"not so: {line.title}")
    if drawn < 0.01:
        return replace(line, outcome="blocked", kind=None, reason="no peer: name one with --peer")
    if drawn < 0.012:
        return replace(line, outcome="waived", kind=None, reason="waived until 2027-12-31")
    return line


def _build(place: Path, site: Path) -> tuple[float, resource.struct_rusage]:
    """Seconds on one core, and what was used."""
    words = (
        "from xdpconform.outputs.matrix import matrix;"
        f"raise SystemExit(matrix([{str(place)!r}], {str(site)!r}, as_json=False))"
    )
    command = [str(scripts() / "python"), "-c", words]
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})  # the child has it from us
    try:
        files = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
        begin = perf_counter()
        child = os.posix_spawn(command[0], command, os.environ, file_actions=files)
        _pid, ended, usage = os.wait4(child, 0)
        seconds = perf_counter() - begin
    finally:
        os.sched_setaffinity(0, cores)
    assert isinstance(usage, resource.struct_rusage)
    if code := os.waitstatus_to_exitcode(ended):
        raise Unmeasured(f"xdpconform matrix ended with {code}")
    return seconds, usage


def _shown(page: Path) -> tuple[float, float]:
    """Seconds until Chromium has loaded a page, and until its first contentful paint."""
    chromium = shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise Unmeasured("playwright is not installed: it is in the extra [test]") from error
    if chromium is None:
        raise Unmeasured("no chromium on PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page()
        tab.goto(page.as_uri(), wait_until="load")
        found = tab.evaluate(
            "() => new Promise(done => new PerformanceObserver(() => 0) &&"
            " requestAnimationFrame(() => setTimeout(() => done(["
            " performance.getEntriesByType('navigation')[0].loadEventEnd,"
            " performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Infinity"
            "]), 500)))"
        )
        browser.close()
    loaded, painted = found
    return loaded / 1000, painted / 1000
