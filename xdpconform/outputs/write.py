# SPDX-License-Identifier: MIT
"""What a run leaves behind: results.json, its recording, a summary, certificates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from xdpconform.errors import XdpConformError
from xdpconform.outputs.results import encode, write

if TYPE_CHECKING:
    from xdpconform.outputs.run import Run


def write_all(run: Run) -> None:
    """Write every file of a run that has ended; what cannot be written is a problem of the run."""
    run.path = _written(run, run.path, lambda: encode(run.results()))
    run.recording_path = _written(run, run.recording_path, lambda: _recording(run))
    run.summary = _written(run, run.summary, lambda: _summary(run))
    if run.certificate is not None:
        try:
            _certify(run)
        except OSError as error:
            run.problems.append(f"no certificate: {error.filename}: {error.strerror}")
            run.certificate = None
        except XdpConformError as error:
            run.problems.append(f"no certificate: {error}")
            run.certificate = None


def _written(run: Run, path: Path | None, content: Callable[[], bytes]) -> Path | None:
    if path is None:
        return None
    data = content()
    if not data:
        return None
    try:
        write(path, data)
    except OSError as error:
        run.problems.append(f"{path}: cannot be written: {error.strerror}")
        return None
    return path


def _recording(run: Run) -> bytes:
    """Of the NICs that are here, all of which were asked together; empty without one."""
    from xdpconform.sources.recording import encode as encode_recording

    for subject in run.subjects:
        if subject.source == "kernel" and subject.recording is not None:
            return encode_recording(subject.recording)
    return b""


def _summary(run: Run) -> bytes:
    from xdpconform.outputs.views.export import export

    return export("markdown", run.results()).encode()


def _certify(run: Run) -> None:
    from xdpconform.outputs.certificate.folder import write_certificates
    from xdpconform.outputs.inputs import Given, apart

    assert run.certificate is not None  # noqa: S101 - the caller looked
    recordings = [subject.recording for subject in run.subjects]
    given = list(map(Given, apart(run.results()), recordings))
    write_certificates(given, run.certificate.output, run.certificate.signer)
