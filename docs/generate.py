# SPDX-License-Identifier: MIT
"""Write what the documents say about the code: requirements, facts, JSON Schemas.

``python docs/generate.py`` writes, ``python docs/generate.py --check`` only compares, and fails
where something is not as the code has it.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import sys
import textwrap
from enum import Enum
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import msgspec  # noqa: E402 - a bare checkout must find the package

from xdpconform.outputs import results  # noqa: E402
from xdpconform.profiles import conditions, model  # noqa: E402
from xdpconform.sources import recording  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FunctionType, ModuleType

SUITES = {
    "test_protocol": "Protocol",
    "test_invariants": "Invariants",
    "test_features": "Features",
    "test_zero_copy": "Zero copy",
    "test_rx_metadata": "RX metadata",
    "test_tx_metadata": "TX metadata",
    "test_queues": "Queues",
    "test_attach": "Attach",
    "test_state": "State",
    "test_config": "Configuration",
    "test_actions": "Actions",
    "test_buffers": "Several buffers",
    "test_redirect": "Redirect",
    "test_hints": "Metadata of frames",
    "test_sockets": "AF_XDP sockets",
    "test_zero_copy_bind": "Zero copy on the NIC",
    "test_tx_hints": "Metadata of sent frames",
}
"""Headings by file, in the order of the document; a file that is not named comes last."""

WIDTH = 100


class Requirement(NamedTuple):
    """One line of the specification, as a suite has it."""

    name: str
    title: str
    text: str
    source: str
    rows: tuple[str, ...]
    where: str
    level: str


def requirements_page() -> str:
    """docs/requirements.md."""
    files = {path.stem for path in (ROOT / "suites").glob("test_*.py")}
    ordered = [name for name in SUITES if name in files] + sorted(files - set(SUITES))
    modules = [importlib.import_module(f"suites.{name}") for name in ordered]
    chapters = [(module, list(_requirements(module))) for module in modules]
    total = sum(len(found) for _module, found in chapters)
    lines = [
        "<!-- SPDX-License-Identifier: MIT -->",
        "<!-- Made by docs/generate.py from the suites: change those, then run it again. -->",
        "",
        "# Requirements",
        "",
        f"The conformance specification: {total} requirements.",
        "Each is one test function, and runs on each NIC.",
        "A requirement with rows runs once for each row.",
        "Its level says what its evidence is, and from which `--level` on a run has to answer it.",
        "",
        "| chapter | requirements | file |",
        "|---|---|---|",
    ]
    for module, found in chapters:
        heading = _heading(module)
        anchor = heading.lower().replace(" ", "-")
        span = found[0].name if len(found) == 1 else f"{found[0].name} to {found[-1].name}"
        file = _path(module)
        lines.append(f"| [{heading}](#{anchor}) | {span} | [{file}](../{file}) |")
    for module, found in chapters:
        lines += ["", f"## {_heading(module)}", "", *_wrapped(inspect.getdoc(module) or "")]
        for requirement in found:
            lines += ["", *_entry(requirement)]
    return "\n".join(lines) + "\n"


def _requirements(module: ModuleType) -> Iterator[Requirement]:
    functions: list[FunctionType] = [
        value
        for name, value in vars(module).items()
        if name.startswith("test_") and inspect.isfunction(value)
    ]
    found = []
    for function in functions:
        marks: list[Any] = getattr(function, "pytestmark", [])
        markers = [mark for mark in marks if mark.name == "requirement"]
        names = [mark.args[0] for mark in markers]
        where = f"{_path(module)}::{function.__name__}"
        if len(names) != 1 or not inspect.getdoc(function):
            raise SystemExit(f"{where}: one requirement marker and a docstring expected")
        title, _, rest = (inspect.getdoc(function) or "").partition("\n\n")
        text, _, source = " ".join(rest.split()).rpartition("Source: ")
        if not source.endswith("."):
            raise SystemExit(f"{where}: the docstring must end with 'Source: ...'")
        rows = tuple(_rows(marks))
        level = markers[0].kwargs.get("level", "claims")
        found.append(
            Requirement(names[0], _one_line(title), text.strip(), source, rows, where, level)
        )
    for one in found:
        if [other.name for other in found].count(one.name) > 1:
            raise SystemExit(f"{one.where}: {one.name} stands there twice")
    yield from sorted(found)


def _rows(marks: list[Any]) -> Iterator[str]:
    columns = [
        [str(getattr(value, "values", (value,))[0]) for value in mark.args[1]]
        for mark in marks
        if mark.name == "parametrize"
    ]
    if columns:
        yield from map("-".join, product(*columns))


def _entry(requirement: Requirement) -> list[str]:
    lines = [f"### {requirement.name}", "", *_wrapped(f"**{requirement.title}**")]
    if requirement.text:
        lines += ["", *_wrapped(requirement.text)]
    lines.append("")
    if requirement.rows:
        lines.append(f"- Rows: {', '.join(f'`{row}`' for row in requirement.rows)}")
    lines += [f"- Level: {requirement.level}", f"- Source: {requirement.source}"]
    lines += [f"- Test: `{requirement.where}`"]
    return lines


def _heading(module: ModuleType) -> str:
    name = module.__name__.rpartition(".")[2]
    return SUITES.get(name) or name.removeprefix("test_").replace("_", " ").capitalize()


def _path(module: ModuleType) -> str:
    return str(Path(str(module.__file__)).relative_to(ROOT))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(_one_line(text), WIDTH, break_long_words=False, break_on_hyphens=False)


def facts_table() -> str:
    """The words of a profile's ``when``, for docs/profiles.md."""
    lines = ["| word | value | meaning |", "|---|---|---|"]
    for word, (meaning, _read) in sorted(conditions.FACTS.items()):
        kind = "true or false" if word in conditions.BOOLEAN else "text, or a list of globs"
        lines.append(f"| `{word}` | {kind} | {meaning} |")
    return "\n".join(lines) + "\n"


def profiles_page() -> str:
    """docs/profiles.md with its table of facts made anew."""
    page = (ROOT / "docs/profiles.md").read_text(encoding="utf-8")
    start, end = "<!-- facts: begin -->\n", "<!-- facts: end -->\n"
    if page.count(start) != 1 or page.count(end) != 1:
        raise SystemExit("docs/profiles.md: the markers of the table of facts are gone")
    before, rest = page.split(start)
    after = rest.split(end)[1]
    return f"{before}{start}\n{facts_table()}\n{end}{after}"


def profile_schema() -> str:
    """The JSON Schema of profiles, with the words of ``when`` for editors."""
    schema = _schema(model.Profile, model, "An xdpconform profile: what a driver should claim")
    definitions: dict[str, Any] = schema["$defs"]
    properties: dict[str, Any] = {}
    for word, (meaning, _read) in sorted(conditions.FACTS.items()):
        text: dict[str, Any] = {"type": "string"}
        if word == "virtio-feature":
            text = {"enum": list(conditions.VIRTIO_FEATURES)}
        words = {"anyOf": [text, {"type": "array", "items": text}]}
        value = {"type": "boolean"} if word in conditions.BOOLEAN else words
        properties[word] = {"description": meaning, **value}
        properties[f"not-{word}"] = {"description": f"not so: {meaning}", **value}
    definitions["When"] = {
        "title": "When",
        "description": "Facts of the NIC that must hold, all of them.",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    for definition in definitions.values():
        if "when" in definition.get("properties", {}):
            old = definition["properties"]["when"]
            when = {"$ref": "#/$defs/When", "default": {}}
            definition["properties"]["when"] = {"description": old["description"], **when}
    return _json(schema)


def results_schema() -> str:
    """The JSON Schema of results.json."""
    return _json(_schema(results.Results, results, "results.json: the record of a run"))


def recording_schema() -> str:
    """The JSON Schema of recordings."""
    title = "A recording: the raw bytes that a kernel answered with"
    return _json(_schema(recording.Recording, recording, title))


def _schema(struct: type[msgspec.Struct], module: ModuleType, title: str) -> dict[str, Any]:
    schema: dict[str, Any] = msgspec.json.schema(struct)
    texts = _field_texts(module)
    for name, definition in schema["$defs"].items():
        described: Any = getattr(module, name, None)
        if described is None or issubclass(described, Enum):
            continue
        own = [base.__name__ for base in described.__mro__ if issubclass(base, msgspec.Struct)]
        fields = {f.name: f.encode_name for f in msgspec.structs.fields(described)}
        for field, encoded in fields.items():
            text = next((texts[base, field] for base in own if (base, field) in texts), None)
            if text:
                value = definition["properties"][encoded]
                definition["properties"][encoded] = {"description": text, **value}
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    return {**head, "$comment": "Made by docs/generate.py. SPDX-License-Identifier: MIT", **schema}


def _field_texts(module: ModuleType) -> dict[tuple[str, str], str]:
    """The strings that stand below fields: the language throws them away, readers need them."""
    texts = {}
    for node in ast.parse(inspect.getsource(module)).body:
        if not isinstance(node, ast.ClassDef):
            continue
        for field, below in zip(node.body, node.body[1:], strict=False):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
                and isinstance(below.value.value, str)
            ):
                texts[node.name, field.target.id] = _one_line(below.value.value)
    return texts


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


MADE: dict[str, Callable[[], str]] = {
    "docs/requirements.md": requirements_page,
    "docs/profiles.md": profiles_page,
    "xdpconform/schema/profile-1.schema.json": profile_schema,
    "xdpconform/schema/recording-1.schema.json": recording_schema,
    "xdpconform/schema/results-1.schema.json": results_schema,
}
"""What is made: path and how."""


def main() -> int:
    """Write or compare; the exit status is 1 if --check found a difference."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--check", action="store_true", help="write nothing, only compare")
    check: bool = parser.parse_args().check
    stale = []
    for name, make in MADE.items():
        path = ROOT / name
        text = make()
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            path.write_text(text, encoding="utf-8")
    for name in stale:
        print(f"{name}: {'not as the code has it' if check else 'written'}")
    if check and stale:
        print("run: python docs/generate.py")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
