# SPDX-License-Identifier: MIT
"""A guardian that is killed at one step of its second registration: STEP, UNDO.PY, and its own."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

step, path = sys.argv[1:3]
del sys.argv[1:3]
spec = importlib.util.spec_from_file_location("undo", path)
assert spec is not None
assert spec.loader is not None
undo = importlib.util.module_from_spec(spec)
spec.loader.exec_module(undo)
keep = undo.Keeper.keep


def die(*_words: object) -> None:
    """End here and now."""
    os.kill(os.getpid(), signal.SIGKILL)


def dying(keeper: object, number: int, body: bytes, descriptors: Sequence[int]) -> None:
    """Keep an undo, the second one not to the end."""
    if number == 2:
        if step == "received":
            die()
        elif step == "written":
            os.rename = die  # type: ignore[assignment]
        elif step == "renamed":
            undo.__dict__["sync_folder"] = die
    keep(keeper, number, body, descriptors)
    if number == 2:
        die()


undo.Keeper.keep = dying
undo.main()
