# SPDX-License-Identifier: MIT
"""The command run inside a test."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from xdpconform import cli

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command: exit status, output, errors."""

    def ran(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            cli.main([str(word) for word in words])
        out, err = capsys.readouterr()
        assert isinstance(caught.value.code, int)
        return caught.value.code, out, err

    return ran
