"""Overlays: what a firmware was seen to do otherwise than the catalogue and the virtual module have it.

An overlay is data, one YAML file for one firmware: a list of edits, each of one command. `cellbench conform
--learn` writes them from captures; the virtual module answers by them and the host waits by their times.
docs/capture.md describes the file, reports/schema/overlay.schema.json is generated from the models here.

Lines stand in edits as templates: ``{name}`` takes any text (a value that differs from unit to unit or from
moment to moment), a brace of the line's own is doubled.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cellbench.base.errors import FileErrors, Finding
from cellbench.catalogue.commands import lookup
from cellbench.catalogue.model import Form, Series

SCHEMA = 1
CONTRIBUTED = Path(__file__).resolve().parent / "overlays"
"""Overlays that owners of modules sent in; they hold for every module of their firmware."""

_MARGIN = 1.5  # a time that was measured once is no maximum
_NAME = re.compile(r"AT([A-Za-z]|[&+^*][A-Z0-9]+)(=\?|\?|=)?", re.IGNORECASE)

Seconds = Annotated[float, Field(ge=0, le=3600)]
Line = Annotated[str, Field(max_length=4000)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False,
                              use_attribute_docstrings=True)


class Edit(_Strict):
    """One thing that this firmware does otherwise."""

    command: Annotated[str, Field(min_length=2, max_length=1000)]
    """The command line as sent; `{name}` stands for a value of the bench."""
    kind: Literal["line", "final", "order", "urc", "time", "unasked"]
    """`line`: a line of the information text; `final`: the final result code; `order`: of the lines; `urc`: a
    URC that follows; `time`; `unasked`: the capture lacks the command, so nothing is known."""
    behind: str | None = None
    """Only when this command line came before on the same port; unset: always."""
    place: Annotated[int, Field(ge=0, le=10_000)] | None = None
    """Which line it is, from 0, where several are alike, or where a new one goes."""
    of: Line | None = None
    """The line, code or URC that is replaced; unset: a new one comes in."""
    by: Line | None = None
    """What the firmware says in its place; unset: nothing."""
    lines: tuple[Line, ...] = ()
    """For `order`: the lines in the order of this firmware."""
    first_s: Seconds | None = None
    """For `time`: seconds from the command's end to the first character of the answer."""
    final_s: Seconds | None = None
    """For `time`: seconds from the command's end to the final result code."""
    early: bool | None = None
    """For `urc`: whether it comes before the final result code."""
    values: dict[str, str] = Field(default_factory=dict)
    """What stands for a `{name}` of `by` that `of` does not have."""


class Overlay(_Strict):
    """What one firmware does otherwise."""

    overlay: Literal[1] = 1
    """Version of this schema."""
    series: Series = Field(strict=False)
    """Series of the module."""
    firmware: Annotated[str, Field(min_length=1, max_length=100)]
    """Firmware as ATI9 tells it."""
    models: tuple[str, ...] = ()
    """Models that were captured."""
    evidence: Literal["measured", "simulated"] = "measured"
    """`simulated`: learnt from a virtual rack, of no use but to try the way."""
    timing: Literal["real", "fast"] = "real"
    """`fast`: the times are those of a virtual rack with --timing fast."""
    sources: tuple[str, ...] = ()
    """Captures that it was learnt from, by date, grade and the begin of their sha256."""
    edits: tuple[Edit, ...] = ()
    """The edits, in the order of the capture's commands."""


def read_overlay(path: Path) -> Overlay:
    """An overlay file; FileErrors with what is wrong with it."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Overlay.model_validate_json(_json(found))
    except OSError as error:
        raise _wrong(path, f"cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError, TypeError) as error:
        raise _wrong(path, f"is no YAML: {str(error).splitlines()[0]}") from None
    except ValidationError as error:
        raise FileErrors(tuple(
            Finding(str(path), 1, ".".join(map(str, one["loc"])), one["msg"],
                    "docs/capture.md has the keys of an overlay") for one in error.errors())) from None


def write_overlay(path: Path, overlay: Overlay) -> None:
    """Write an overlay file, without keys that say nothing."""
    head = overlay.model_dump(mode="json", exclude={"edits"})
    edits = [one.model_dump(mode="json", exclude_defaults=True) for one in overlay.edits]
    text = yaml.safe_dump({**head, "edits": edits}, sort_keys=False, allow_unicode=True, width=110)
    path.parent.mkdir(parents=True, exist_ok=True)
    head_line = "# What this firmware does otherwise than the catalogue has it (docs/capture.md).\n"
    path.write_text(head_line + text, encoding="utf-8")


def contributed(series: Series, firmware: str | None = None) -> tuple[Overlay, ...]:
    """The overlays in the package for a series, of one firmware or of all."""
    found = (read_overlay(path) for path in sorted(CONTRIBUTED.glob("*.yaml")))
    return tuple(one for one in found if one.series is series and firmware in (None, one.firmware))


def response_times(overlays: Iterable[Overlay]) -> Mapping[tuple[str, Form], float]:
    """Seconds to wait for the final result code, by command and form, where a firmware was seen to take
    longer; half as long again as was measured."""
    times: dict[tuple[str, Form], float] = {}
    for edit in (edit for one in overlays for edit in one.edits if edit.kind == "time"):
        known = command_of(edit.command)
        if known is not None and edit.final_s is not None:
            times[known] = max(times.get(known, 0.0), edit.final_s * _MARGIN)
    return times


def command_of(line: str) -> tuple[str, Form] | None:
    """Name and form of the first command on a line; None when the catalogue does not know it."""
    found = _NAME.match(line)
    command = lookup(found[1]) if found else None
    if found is None or command is None:
        return None
    tail = found[2]
    if tail == "=?":
        return command.name, Form.TEST
    if tail == "?":
        return command.name, Form.READ
    return command.name, Form.SET if tail == "=" else Form.EXECUTE


# -- templates -------------------------------------------------------------------------------------

_HOLE = re.compile(r"\{\{|\}\}|\{([a-z][a-z0-9_]*)\}")


def literal(text: str) -> str:
    """A text as a template that takes only it."""
    return text.replace("{", "{{").replace("}", "}}")


@lru_cache(maxsize=4096)
def _pattern(template: str) -> re.Pattern[str]:
    parts, at, seen = [], 0, set()
    for hole in _HOLE.finditer(template):
        parts.append(re.escape(template[at:hole.start()]))
        at, name = hole.end(), hole[1]
        if name is None:
            parts.append(re.escape(hole[0][0]))
        elif name in seen:
            parts.append(f"(?P={name})")
        else:
            seen.add(name)
            parts.append(f"(?P<{name}>.*?)")
    return re.compile("".join(parts) + re.escape(template[at:]), re.DOTALL)


def fits(template: str, text: str) -> Mapping[str, str] | None:
    """The values of a template's names where the text is of its form, else None."""
    found = _pattern(template).fullmatch(text)
    return None if found is None else found.groupdict()


def filled(template: str, values: Mapping[str, str]) -> str:
    """A template with its names replaced; one without a value becomes nothing."""
    return _HOLE.sub(lambda hole: values.get(hole[1], "") if hole[1] else hole[0][0], template)


def _json(found: object) -> str:
    import json

    return json.dumps(found)


def _wrong(path: Path, message: str) -> FileErrors:
    return FileErrors((Finding(str(path), 1, "", message),))
