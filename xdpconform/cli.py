# SPDX-License-Identifier: MIT
"""The command ``xdpconform``: what does not need a pytest run, and one way to start one.

Imports stand inside the verbs: ``xdpconform show`` shall feel immediate.
"""

from __future__ import annotations

import io
import os
import sys

from xdpconform.errors import XdpConformError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

EXIT_ERROR = 2
"""Something the user typed, or that could not be asked."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a verb; errors are one sentence on standard error and exit status 2."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["run"]:
        run(words[1:])
    if sys.stdout is None:  # closed by the caller
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    elif isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # whatever the terminal can show
    try:
        status = _act(words)
        sys.stdout.flush()
    except XdpConformError as error:
        status = _complain(str(error))
    except BrokenPipeError:
        status = EXIT_ERROR
        _drop_output()
    except OSError as error:
        status = _complain(f"{error.filename or 'output'}: {error.strerror}")
        _drop_output()
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)


def _act(words: Sequence[str]) -> int:
    completing = "_ARGCOMPLETE" in os.environ
    if words[:1] == ["show"] and not any(word.startswith("-") for word in words) and not completing:
        # There is nothing to parse, and argparse takes as long as all the rest (benchmarks/).
        from xdpconform.outputs.show import show

        return show(words[1:] or ["all"], netns=None, as_json=False)
    from xdpconform.verbs import parser as make_parser

    parser = make_parser()
    if completing:
        _complete(parser)
    try:
        options = parser.parse_args(words)
    except SystemExit as end:
        return int(end.code or 0)
    status: int = options.verb(options)
    return status


def _complain(message: str) -> int:
    from xdpconform.interfaces import shown

    text = "\n".join(map(shown, message.split("\n")))
    if sys.stderr is not None:
        sys.stderr.write(f"xdpconform: {text}\n")
    return EXIT_ERROR


def _drop_output() -> None:
    # What is still buffered would fail again when the interpreter ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _complete(parser: argparse.ArgumentParser) -> None:
    try:
        import argcomplete
    except ImportError:
        return
    argcomplete.autocomplete(parser)


def run(words: Sequence[str]) -> None:
    """Become pytest with the shipped suites and configuration."""
    from xdpconform.netconfig import suites_folder

    package = os.path.dirname(os.path.abspath(__file__))
    suites = suites_folder()
    where = ["--pyargs", "xdpconform.suites"]
    if os.path.dirname(suites) != package:
        where = [str(suites)]
    config = os.path.join(package, "pytest.toml")
    os.environ.setdefault("XDPCONFORM_REPORTS", os.path.join(os.getcwd(), "reports"))
    command = [sys.executable, "-m", "pytest", "-c", config, *where, *words]
    sys.stdout.flush()
    os.execv(sys.executable, command)  # noqa: S606 - pytest, by our own interpreter
