# SPDX-License-Identifier: MIT
"""The verbs of the command ``xdpconform``: their options, and what each of them calls.

Imports stand inside the verbs: one of them shall not wait for what another needs.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from xdpconform import __version__
from xdpconform.outputs.views import NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    # argparse has no public name for what add_subparsers() gives.
    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001

SUBMISSION = {
    "origin": "the CI system that submits (xdpconform if not given)",
    "build": "the id of a build that was submitted already",
    "commit": "of the kernel, in full",
    "url": "the repository that holds it",
    "branch": "where in the repository",
    "tree": "the name that the tree is known by",
}


def parser() -> argparse.ArgumentParser:
    """Every verb with its options; the function to call is ``verb``."""
    made = argparse.ArgumentParser(
        prog="xdpconform", description="Conformance of what NICs claim about XDP."
    )
    made.add_argument("--version", action="version", version=f"xdpconform {__version__}")
    verbs = made.add_subparsers(required=True, metavar="VERB")

    _reading(verbs)
    _certifying(verbs)
    _comparing(verbs)
    _profiles(verbs)
    # Listed for --help; main() hands its words to pytest unread.
    verbs.add_parser("run", help="run the suites: every word that follows is pytest's")
    return made


def _reading(verbs: Verbs) -> None:
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


def _certifying(verbs: Verbs) -> None:
    certify = verbs.add_parser("certify", help="write certificates of results and recordings")
    certify.add_argument(
        "path", nargs="+", metavar="PATH", help="results.json, recordings, or folders of them"
    )
    certify.add_argument("-o", "--output", default="certificate/", metavar="DIR",
                         help="the folder to write (default: %(default)s)")  # fmt: skip
    certify.add_argument("--key", metavar="KEY", help="sign by this PEM or OpenSSH key")
    certify.add_argument("--profile", action="append", default=[], metavar="FILE|DIR")
    certify.add_argument("--variant", action="append", default=[], metavar="PROFILE:VARIANT")
    certify.add_argument(
        "--redact",
        action="store_true",
        help="take MAC addresses, host names and serial numbers out of the recordings",
    )
    certify.add_argument("--force", action="store_true", help="replace certificates in DIR")
    certify.add_argument("--json", action="store_true", help="print JSON")
    certify.set_defaults(verb=_certify)

    verify = verbs.add_parser("verify", help="check certificates: files, signature, verdict")
    verify.add_argument("path", nargs="+", metavar="FOLDER", help="a certificate, or several")
    verify.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="KEY",
        help="trust this public key: PEM, OpenSSH or an allowed_signers file; may be repeated",
    )
    verify.add_argument("--replay", action="store_true", help="judge the recording again")
    verify.add_argument("--profile", action="append", default=[], metavar="FILE|DIR")
    verify.add_argument("--json", action="store_true", help="print JSON")
    verify.set_defaults(verb=_verify)

    keygen = verbs.add_parser("keygen", help="make a key that signs certificates")
    keygen.add_argument("path", metavar="FILE", help="the private key; FILE.pub is the public one")
    keygen.add_argument("--force", action="store_true", help="overwrite a file that is there")
    keygen.add_argument("--json", action="store_true", help="print JSON")
    keygen.set_defaults(verb=_keygen)

    export = verbs.add_parser("export", help="the same result in the format of another tool")
    export.add_argument("format", metavar="FORMAT", help=f"one of {', '.join(NAMES)}")
    export.add_argument("path", metavar="PATH", help="results.json, a recording or a certificate")
    export.add_argument("-o", "--output", metavar="FILE", help="write here, not to the terminal")
    export.add_argument("--profile", action="append", default=[], metavar="FILE|DIR")
    export.add_argument("--variant", action="append", default=[], metavar="PROFILE:VARIANT")
    for name, what in SUBMISSION.items():
        export.add_argument(f"--kcidb-{name}", metavar="TEXT", help=f"for kcidb: {what}")
    export.set_defaults(verb=_export)


def _comparing(verbs: Verbs) -> None:
    diff = verbs.add_parser("diff", help="what changed between recordings, results or profiles")
    diff.add_argument("a", metavar="OLD", help="a recording, results.json, certificate or profile")
    diff.add_argument("b", metavar="NEW", help="what to compare it with")
    diff.add_argument("--html", metavar="FILE", help="write a page too")
    diff.add_argument("--json", action="store_true", help="print JSON")
    diff.set_defaults(verb=_diff)

    matrix = verbs.add_parser("matrix", help="a site over many certificates")
    matrix.add_argument(
        "path", nargs="+", metavar="FOLDER", help="certificates, or folders of them"
    )
    matrix.add_argument("-o", "--output", default="matrix/", metavar="DIR",
                        help="the folder to write (default: %(default)s)")  # fmt: skip
    matrix.add_argument("--json", action="store_true", help="print JSON")
    matrix.set_defaults(verb=_matrix)


def _profiles(verbs: Verbs) -> None:
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

    return diff(options.a, options.b, as_json=options.json, html=options.html)


def _certify(options: argparse.Namespace) -> int:
    from xdpconform.outputs.certificate.command import certify

    return certify(
        options.path,
        options.output,
        key=options.key,
        profiles=options.profile,
        variants=options.variant,
        redacted=options.redact,
        force=options.force,
        as_json=options.json,
    )


def _verify(options: argparse.Namespace) -> int:
    from xdpconform.outputs.attest.verify import verify

    return verify(
        options.path,
        keys=options.key,
        replay=options.replay,
        profiles=options.profile,
        as_json=options.json,
    )


def _keygen(options: argparse.Namespace) -> int:
    from xdpconform.outputs.attest.keygen import keygen

    return keygen(options.path, force=options.force, as_json=options.json)


def _export(options: argparse.Namespace) -> int:
    from xdpconform.outputs.inputs import take, whole
    from xdpconform.outputs.views.export import export_to
    from xdpconform.outputs.views.kcidb import Submission
    from xdpconform.profiles import Shelf

    shelf = Shelf(map(Path, options.profile), options.variant)
    results = whole(take([options.path], shelf), options.path)
    told = {name: getattr(options, f"kcidb_{name}") for name in SUBMISSION}
    told = {name: text for name, text in told.items() if text is not None}
    submission = Submission(**told) if told else None
    return export_to(options.format, results, options.output, submission)


def _matrix(options: argparse.Namespace) -> int:
    from xdpconform.outputs.matrix import matrix

    return matrix(options.path, options.output, as_json=options.json)


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
