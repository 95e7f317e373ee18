"""A capture: what one module of one firmware answered to a graded set of commands.

JSON lines: the header, then a line for each exchange. docs/capture.md describes it for people,
reports/schema/capture.schema.json is generated from the models here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from cellbench.base.errors import FileErrors, Finding
from cellbench.catalogue.model import Series
from cellbench.catalogue.overlay import Overlay
from cellbench.instruments.settings import Strict

SCHEMA = 1
_DIALECT = "https://json-schema.org/draft/2020-12/schema"

Seconds = Annotated[float, Field(ge=0, le=86_400)]
Grade = Annotated[int, Field(ge=0, le=3)]


class StandIn(Strict):
    """A value that stands for an identity."""

    kind: Annotated[str, Field(pattern=r"^[a-z]{2,10}$")]
    """What it stands for: `imei`, `imsi`, `iccid`, `number`, `ip`, `digits`."""
    value: str
    """The stand-in; the same identity has the same one throughout."""


class Conditions(Strict):
    """What the module met."""

    sim: Literal["ready", "absent", "locked"]
    """The card, by +CPIN?."""
    registered: bool
    """Whether it was registered with a network."""


class Header(Strict):
    """The first line of a capture."""

    capture: Literal[1] = 1
    """Version of this schema."""
    series: Series = Field(strict=False)
    """Series of the module."""
    variant: str
    """Variant, as the rig file or the module told it."""
    model: str
    """Model, as ATI0 tells it."""
    firmware: str
    """Firmware, as ATI9 tells it."""
    taken: str
    """Date, UTC."""
    by: str
    """Program and version that took it."""
    grade: Grade
    """The highest grade that was asked for."""
    evidence: Literal["measured", "simulated"]
    """`simulated`: taken from a virtual rack."""
    timing: Literal["real", "fast"]
    """`fast`: of a virtual rack with --timing fast."""
    port: str
    """Role of the port that was asked."""
    conditions: Conditions
    """What the module met."""
    commands: tuple[str, ...]
    """Every command of this capture, in order: what is missing below was taken out."""
    stand_ins: tuple[StandIn, ...] = ()
    """Values that stand for identities."""
    strays: tuple[str, ...] = ()
    """Prefixes of URCs that came and that no command was waiting for."""


class Heard(Strict):
    """A URC that a command was waiting for."""

    text: str
    """The URC."""
    early: bool = False
    """Whether it came before the final result code."""


class Exchange(Strict):
    """One command and its answer."""

    n: Annotated[int, Field(ge=1)]
    """Its number, from 1."""
    grade: Grade
    """Grade of the command."""
    send: str
    """The command line; `{name}` stands for a value of the bench or of an earlier answer."""
    payload: str | None = None
    """What was given at the prompt."""
    lines: tuple[str, ...] = ()
    """Information text, line by line."""
    final: str
    """The final result code; empty when none came in time."""
    first_s: Seconds | None = None
    """Seconds from the command's end to the first character of the information text."""
    final_s: Seconds
    """Seconds from the command's end to the final result code."""
    urcs: tuple[Heard, ...] = ()
    """URCs that the command was waiting for."""
    awaits: tuple[str, ...] = ()
    """Their prefixes."""
    await_s: Seconds = 0.0
    """How long they were waited for at most."""
    registers: bool = False
    """Whether the module was let register again before the next command."""
    binds: dict[str, tuple[str, int]] = Field(default_factory=dict, strict=False)
    """Values of the answer that later commands use: name, prefix of the line, place of the field."""


class Capture(Strict):
    """A header and its exchanges, in the order of the file."""

    header: Header
    exchanges: tuple[Exchange, ...]


def read_capture(path: Path) -> tuple[Capture, str]:
    """A capture and the sha256 of its file; FileErrors with each line that is wrong."""
    try:
        data = path.read_bytes()
        lines = data.decode("utf-8").splitlines()
    except OSError as error:
        raise FileErrors((Finding(str(path), 1, "", f"cannot be read: {error.strerror}"),)) from None
    except UnicodeDecodeError:
        raise FileErrors((Finding(str(path), 1, "", "is no text"),)) from None
    findings: list[Finding] = []
    parts: list[Any] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        model = Exchange if parts else Header
        try:
            parts.append(model.model_validate_json(line))
        except ValidationError as error:
            findings += [Finding(str(path), number, ".".join(map(str, one["loc"])), one["msg"],
                                 "docs/capture.md has the keys of a capture") for one in error.errors()]
            parts.append(None)
    if not parts:
        findings.append(Finding(str(path), 1, "", "is empty", "take one with `cellbench capture`"))
    if findings:
        raise FileErrors(tuple(findings))
    return Capture(header=parts[0], exchanges=tuple(parts[1:])), hashlib.sha256(data).hexdigest()


def write_capture(path: Path, capture: Capture) -> None:
    """Write a capture, one line for each exchange."""
    rows: Iterable[Mapping[str, Any]] = (
        capture.header.model_dump(mode="json"),
        *(one.model_dump(mode="json", exclude_defaults=True) for one in capture.exchanges))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def files(root: Path) -> dict[Path, str]:
    """The generated schemas by their path."""
    capture = {"title": "A line of a Cellbench capture: the header comes first",
               "oneOf": [{"$ref": "#/$defs/Header"}, {"$ref": "#/$defs/Exchange"}],
               "$defs": Capture.model_json_schema(mode="validation")["$defs"]}
    overlay = {**Overlay.model_json_schema(mode="validation"), "title": "Cellbench overlay"}
    return {root / "reports" / "schema" / f"{name}.schema.json":
            json.dumps({"$schema": _DIALECT, **schema}, indent=2, ensure_ascii=False) + "\n"
            for name, schema in (("capture", capture), ("overlay", overlay))}
