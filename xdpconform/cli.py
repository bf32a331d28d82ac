# SPDX-License-Identifier: MIT
"""The command ``xdpconform``: what does not need a pytest run, and one way to start one.

Imports stand inside the verbs: ``xdpconform show`` shall feel immediate.
"""

from __future__ import annotations

import io
import os
import sys

from xdpconform import __version__
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
    parser = _parser()
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


def _parser() -> argparse.ArgumentParser:
    import argparse

    parser = argparse.ArgumentParser(
        prog="xdpconform", description="Conformance of what NICs claim about XDP."
    )
    parser.add_argument("--version", action="version", version=f"xdpconform {__version__}")
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    show = verbs.add_parser("show", help="what this machine's NICs claim")
    show.add_argument("nic", nargs="*", default=["all"], metavar="NIC", help="name, number or glob")
    show.add_argument("--json", action="store_true", help="print JSON with netdev.yaml's names")
    show.add_argument("--netns", metavar="NAME|PATH", help="network namespace to look in")
    show.set_defaults(verb=_show)

    record = verbs.add_parser("record", help="keep what NICs claim, to be judged elsewhere")
    record.add_argument("nic", nargs="+", metavar="NIC", help="name, number, glob or 'all'")
    record.add_argument(
        "-o",
        "--output",
        default="recordings/",
        metavar="FILE|DIR",
        help="a folder, for a file a NIC, or one file (default: %(default)s)",
    )
    record.add_argument("--netns", metavar="NAME|PATH", help="network namespace to look in")
    record.add_argument(
        "--redact",
        action="store_true",
        help="take out MAC addresses, host names and serial numbers",
    )
    record.add_argument(
        "--attached",
        action="store_true",
        help="record each NIC with a native program on it too; needs root",
    )
    record.add_argument(
        "--i-own-this-port",
        action="append",
        default=[],
        dest="owned",
        metavar="NAME",
        help="let --attached touch this NIC although it looks to be in use; may be repeated",
    )
    record.add_argument("--force", action="store_true", help="overwrite a file that is there")
    record.add_argument("--json", action="store_true", help="print JSON")
    record.set_defaults(verb=_record)

    judge = verbs.add_parser("judge", help="the verdicts of recordings")
    judge.add_argument("path", nargs="+", metavar="PATH", help="recordings: files, folders, globs")
    judge.add_argument("--profile", action="append", default=[], metavar="FILE|DIR")
    judge.add_argument("--variant", action="append", default=[], metavar="PROFILE:VARIANT")
    judge.add_argument("-j", "--jobs", type=int, default=1, metavar="N", help="processes")
    judge.add_argument("-q", "--quiet", action="store_true", help="leave out NICs that conform")
    judge.add_argument("--json", action="store_true", help="print JSON, one object a line")
    judge.set_defaults(verb=_judge)

    diff = verbs.add_parser("diff", help="what changed between recordings, results or profiles")
    diff.add_argument("a", metavar="A", help="a recording, results.json or profile")
    diff.add_argument("b", metavar="B", help="what to compare it with")
    diff.add_argument("--json", action="store_true", help="print JSON")
    diff.set_defaults(verb=_diff)

    profile = verbs.add_parser("profile", help="what drivers should claim")
    what = profile.add_subparsers(required=True, metavar="WHAT")
    listing = what.add_parser("list", help="the profiles there are")
    one = what.add_parser("show", help="print a profile")
    one.add_argument("name", help="a shipped profile, or a file")
    check = what.add_parser("check", help="check profile files")
    check.add_argument("path", nargs="+", metavar="FILE|DIR")
    draft = what.add_parser("draft", help="print a profile that certifies a NIC as it is")
    draft.add_argument(
        "nic", nargs="?", metavar="NIC", help="may be left out where a recording holds one"
    )
    draft.add_argument("--recording", metavar="FILE", help="take the NIC from a recording")
    draft.add_argument("--netns", metavar="NAME|PATH", help="network namespace to look in")
    for verb, function in (
        (listing, _profile_list),
        (one, _profile_show),
        (check, _profile_check),
        (draft, _profile_draft),
    ):
        verb.add_argument("--json", action="store_true", help="print JSON")
        verb.set_defaults(verb=function)

    # Listed for --help; main() hands its words to pytest unread.
    verbs.add_parser("run", help="run the suites: every word that follows is pytest's")
    return parser


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


def _show(options: argparse.Namespace) -> int:
    from xdpconform.outputs.show import show

    return show(options.nic, netns=options.netns, as_json=options.json)


def _judge(options: argparse.Namespace) -> int:
    from xdpconform.outputs.judge import judge_recordings

    return judge_recordings(
        options.path,
        profiles=options.profile,
        variants=options.variant,
        as_json=options.json,
        quiet=options.quiet,
        jobs=options.jobs,
    )


def _record(options: argparse.Namespace) -> int:
    from xdpconform.outputs.record import record_to

    return record_to(
        options.nic,
        options.output,
        netns=options.netns,
        attached=options.attached,
        owned=options.owned,
        redacted=options.redact,
        force=options.force,
        as_json=options.json,
    )


def _diff(options: argparse.Namespace) -> int:
    from xdpconform.outputs.diff import diff

    return diff(options.a, options.b, as_json=options.json)


def _profile_list(options: argparse.Namespace) -> int:
    from xdpconform.profiles import commands

    return commands.list_profiles(as_json=options.json)


def _profile_show(options: argparse.Namespace) -> int:
    from xdpconform.profiles import commands

    return commands.show_profile(options.name, as_json=options.json)


def _profile_check(options: argparse.Namespace) -> int:
    from xdpconform.profiles import commands

    return commands.check_profiles(options.path, as_json=options.json)


def _profile_draft(options: argparse.Namespace) -> int:
    from xdpconform.profiles import commands

    return commands.draft_profile(
        options.nic, netns=options.netns, recording=options.recording, as_json=options.json
    )
