# SPDX-License-Identifier: MIT
"""What is being done, on a terminal: shown beside the test's line, and gone with it."""

from __future__ import annotations

import os
import pty
import re
import sys
from fcntl import ioctl
from io import StringIO
from struct import pack
from termios import TIOCSWINSZ
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.namespaces import unavailable
from tests.plugin.runs import CONFIG, ROOT, SUITES
from xdpconform.outputs.progress import CLEAR, RESTORE, SAVE, Progress, cut

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = 100


class Screen:
    """A terminal as wide as a line, that understands what is sent to it here."""

    def __init__(self) -> None:
        self.lines = [""]
        self.column = 0
        self.saved = 0
        self.seen: list[str] = []
        """Each line as it was just before something of it was cleared or it ended."""

    def take(self, text: str) -> None:
        """Show it."""
        for part in re.findall(r"\x1b[78]|\x1b\[[0-9;]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+", text):
            if part == SAVE:
                self.saved = self.column
            elif part == RESTORE:
                self.seen.append(self.lines[-1])
                self.column = self.saved
            elif part == CLEAR:
                self.lines[-1] = self.lines[-1][: self.column]
            elif part == "\r":
                self.column = 0
            elif part == "\n":
                self.seen.append(self.lines[-1])
                self.lines.append("")
                self.column = 0
            elif part.startswith("\x1b"):
                assert part.endswith("m"), part  # colour
            else:
                line = self.lines[-1].ljust(self.column)
                self.lines[-1] = line[: self.column] + part + line[self.column + len(part) :]
                self.column += len(part)


def on_terminal(folder: Path, *words: str, term: str = "xterm") -> bytes:
    """What a run with a tap writes to a terminal."""
    reason = unavailable()
    if reason:
        pytest.skip(f"a testbed {reason}")
    state = folder / "state"
    state.mkdir(0o700)
    command = [
        *(sys.executable, "-m", "pytest", "-c", str(CONFIG), "-p", "xdpconform.plugin"),
        *("-p", "no:hypothesispytest", "-p", "no:html", "-p", "no:cacheprovider", str(SUITES)),
        *("--testbed=tap", "--allow-incomplete", f"--xdp-results={folder / 'results.json'}"),
        *("-k", "test_native or test_replaced or test_aborted or test_cpus", *words),
    ]
    environment = os.environ | {
        "COLUMNS": str(COLUMNS),
        "PYTHONPATH": str(ROOT),
        "TERM": term,
        "XDPCONFORM_STATE": str(state),
    }
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover - becomes another program
        os.execvpe(command[0], command, environment)
    ioctl(terminal, TIOCSWINSZ, pack("4H", 40, COLUMNS, 0, 0))
    written = b""
    while True:
        try:
            more = os.read(terminal, 1 << 16)
        except OSError:  # EIO: nobody holds the other end any more
            break
        written += more
    os.close(terminal)
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), written.decode()
    return written


def lines_of_tests(screen: Screen) -> list[str]:
    """The lines of tests, as they stand in the end."""
    return [line for line in screen.lines if "::test_" in line]


def test_verbose(tmp_path: Path) -> None:
    """Beside each test's line stands what it does; in the end only pytest's own words do."""
    screen = Screen()
    screen.take(on_terminal(tmp_path, "-v", "--color=no").decode().split("\nta", 1)[0])

    tests = lines_of_tests(screen)
    ends = {line.partition("[tap0]")[2] for line in tests}
    assert len(tests) > 3
    for end in ends:
        assert re.fullmatch(r" PASSED +\[ *\d+%\]", end)
    assert {COLUMNS - 1} == {len(line) for line in tests}
    shown = [line.partition("[tap0]")[2].strip() for line in screen.seen]
    assert "XDP_ABORTED: 100 frames of 128 bytes" in shown
    assert "attach, replace, detach" in shown
    assert "XDP_REDIRECT to CPU 0" in shown


def test_dots(tmp_path: Path) -> None:
    """Where tests are but dots, it stands behind them, and is gone in the end."""
    screen = Screen()
    screen.take(on_terminal(tmp_path, "-q", "--color=no").decode().split("\n=", 1)[0])

    assert "XDP_ABORTED: 100 frames of 128 bytes" in " ".join(screen.seen)
    (dots,) = (line for line in screen.lines if line.strip())
    assert re.fullmatch(r"\.+ +\[100%\]", dots)


def test_dumb(tmp_path: Path) -> None:
    """A terminal that cannot take anything back is told nothing."""
    written = on_terminal(tmp_path, "-v", "--color=no", term="dumb")

    assert b"\x1b" not in written


class Fake:
    """pytest's plugin manager, with a terminal that writes to a string.

    Args:
        isatty: whether it is one.
        width: its columns.
        used: those that pytest has written to.
        encoding: of what it takes.
    """

    def __init__(
        self, *, isatty: bool = True, width: int = 80, used: int = 30, encoding: str = "utf-8"
    ) -> None:
        self.file = cast("Any", StringIO())
        self.reporter = SimpleNamespace(
            isatty=isatty,
            _screen_width=width,
            _width_of_current_line=used,
            _tw=SimpleNamespace(
                _file=SimpleNamespace(
                    write=self.file.write, flush=self.file.flush, encoding=encoding
                )
            ),
        )
        self.reporters: list[Any] = [self.reporter]
        self.progress = Progress(cast("pytest.Config", SimpleNamespace(pluginmanager=self)))

    def register(self, plugin: object, name: str) -> None:
        """See pluggy."""
        self.registered = (plugin, name)

    def getplugin(self, name: str) -> Any:
        """See pluggy; nothing captures here."""
        return self.reporters[0] if name == "terminalreporter" and self.reporters else None

    def written(self) -> str:
        """What was written since last asked."""
        text: str = self.file.getvalue()
        self.file.seek(0)
        self.file.truncate()
        return text


def test_shown() -> None:
    """It is written where the cursor is, and the cursor goes back."""
    fake = Fake()

    fake.progress("attach")

    assert f"{SAVE}{CLEAR} attach{RESTORE}" == fake.written()
    assert (fake.progress, "xdpconform-progress") == fake.registered


def test_gone() -> None:
    """When the test has ended it is cleared, once."""
    fake = Fake()
    fake.progress("attach")
    fake.written()

    fake.progress.pytest_runtest_logfinish()
    first = fake.written()
    fake.progress.pytest_runtest_logfinish()

    assert f"{SAVE}{CLEAR}{RESTORE}" == first
    assert "" == fake.written()


def test_gone_without_room() -> None:
    """It is cleared as well where pytest has come so far that nothing new would be shown."""
    fake = Fake()
    fake.progress("attach")
    fake.written()
    fake.reporter._width_of_current_line = 79

    fake.progress.pytest_runtest_logfinish()

    assert f"{SAVE}{CLEAR}{RESTORE}" == fake.written()


@pytest.mark.parametrize(
    "fake",
    [Fake(isatty=False), Fake(used=68), Fake(used=200)],
    ids=["no terminal", "no room", "less than none"],
)
def test_silent(fake: Fake) -> None:
    """Nothing is written where the output is no terminal, or the line is full."""
    fake.progress("attach")
    fake.progress.pytest_runtest_logfinish()

    assert "" == fake.written()


def test_no_reporter() -> None:
    """Nothing is written before pytest has its reporter, nor after."""
    fake = Fake()
    fake.reporters = []

    fake.progress("attach")

    assert "" == fake.written()


def test_long() -> None:
    """What does not fit the line is cut, so that it never becomes two."""
    fake = Fake()

    fake.progress("x" * 500)

    assert f"{SAVE}{CLEAR} {'x' * 48}{RESTORE}" == fake.written()


def test_hostile() -> None:
    """What a device calls itself cannot steer the terminal."""
    fake = Fake()

    fake.progress("a\x1b[2J\n\r\u202eb")

    assert f"{SAVE}{CLEAR} a\\x1b[2J\\n\\r\\u202eb{RESTORE}" == fake.written()


def test_ascii() -> None:
    """A terminal that takes ASCII only gets nothing else."""
    fake = Fake(encoding="ascii")

    fake.progress("caf\xe9")

    assert f"{SAVE}{CLEAR} caf\\xe9{RESTORE}" == fake.written()


@pytest.mark.parametrize(
    ("text", "columns", "expected"),
    [
        ("abc", 3, "abc"),
        ("abc", 2, "ab"),
        ("abc", 0, ""),
        ("abc", -5, ""),
        ("網路卡", 6, "網路卡"),
        ("網路卡", 5, "網路"),
        ("a網", 2, "a"),
        ("", 0, ""),
    ],
)
def test_cut(text: str, columns: int, expected: str) -> None:
    """Columns are counted, not characters."""
    assert expected == cut(text, columns)
