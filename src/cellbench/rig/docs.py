"""Write docs/rig-file.md, the tables of docs/limits.md and docs/firmware.md and the JSON schemas from the
models.

``python -m cellbench.rig.docs`` writes them; a test sees that the committed files are current.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cellbench.instruments.kinds import BUILT_IN
from cellbench.instruments.settings import FORMS
from cellbench.rig.firmware import FirmwareFile
from cellbench.rig.limits import LimitsFile
from cellbench.rig.load import rig_model

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_RIG_HEAD = """# The rig file

Generated from `src/cellbench/rig/schema.py` by `python -m cellbench.rig.docs`; do not edit.

A rig file describes one host's bench: its instruments, its slots and what they meet. It is YAML without
surprises: `on`, `no` and `12:30` are texts, a key that stands twice, an unknown key, a tag, an alias or a
second document is an error. It is checked as a whole before anything is touched:

    cellbench rig validate rigs/evk-r8.yaml

prints every mistake as `file:line: path: message; remedy` and opens nothing. `make check RIG=…` then reaches
every instrument and port without touching a module. Examples: [rigs/virtual.yaml](../rigs/virtual.yaml),
[rigs/evk-r8.yaml](../rigs/evk-r8.yaml), [rigs/evk-r6.yaml](../rigs/evk-r6.yaml),
[rigs/rack.yaml](../rigs/rack.yaml). Files named `*.local.yaml` are ignored by git.

For completion and checks in an editor, begin the file with

    # yaml-language-server: $schema=../reports/schema/rig.schema.json

What the checks know beyond single values: instruments that slots name exist, are of the right class and
have that channel, pin or input; nothing is used twice; variant and ordering code exist and belong
together; voltage and current limit lie within the facts of the module's profile; lines fit the series; a
secret's file lies outside the repository; limits, certificate files and the firmware catalogue exist; what
a virtual rack gives is never called measured. With `launch`, slots name no power, lines or ports: the rack's
own file does.
"""
_BEGIN, _END = "<!-- generated: keys -->", "<!-- end of generated -->"


def rig_schema() -> dict[str, Any]:
    """The JSON schema of rig files with the house's own instruments."""
    schema = rig_model(tuple(sorted(BUILT_IN))).model_json_schema(mode="validation")
    return {"$schema": _DIALECT, **_tidy(schema), "title": "Cellbench rig file"}


def limits_schema() -> dict[str, Any]:
    """The JSON schema of limits files."""
    return {"$schema": _DIALECT, **_tidy(LimitsFile.model_json_schema(mode="validation")),
            "title": "Cellbench limits file"}


def firmware_schema() -> dict[str, Any]:
    """The JSON schema of firmware catalogues."""
    return {"$schema": _DIALECT, **_tidy(FirmwareFile.model_json_schema(mode="validation")),
            "title": "Cellbench firmware catalogue"}


def rig_page() -> str:
    """docs/rig-file.md."""
    return "\n".join([_RIG_HEAD, *_sections(rig_schema(), "The file")]).rstrip() + "\n"


def with_tables(page: str, schema: Mapping[str, Any]) -> str:
    """A page with its generated part, the tables of a file's keys, renewed."""
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    tables = "\n".join(_sections(schema, "The file")).rstrip()
    return f"{before}{_BEGIN}\n\n{tables}\n\n{_END}{after}"


def files(root: Path) -> Mapping[Path, str]:
    """Every generated file below a repository's root, with its text."""
    limits, firmware = root / "docs" / "limits.md", root / "docs" / "firmware.md"
    return {
        root / "docs" / "rig-file.md": rig_page(),
        limits: with_tables(limits.read_text(encoding="utf-8"), limits_schema()),
        firmware: with_tables(firmware.read_text(encoding="utf-8"), firmware_schema()),
        root / "reports" / "schema" / "rig.schema.json": _json(rig_schema()),
        root / "reports" / "schema" / "limits.schema.json": _json(limits_schema()),
        root / "reports" / "schema" / "firmware.schema.json": _json(firmware_schema()),
    }


def main() -> int:
    """Write the files of the repository in the current directory."""
    for path, text in files(Path.cwd()).items():
        path.write_text(text, encoding="utf-8")
        print(path)
    return 0


def _json(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _tidy(node: Any, *, names: bool = False) -> Any:
    """A schema without the titles that pydantic makes up from names."""
    if isinstance(node, dict):
        return {key: _tidy(value, names=key in {"properties", "$defs"}) for key, value in node.items()
                if names or key != "title"}
    return [_tidy(item) for item in node] if isinstance(node, list) else node


def _sections(schema: Mapping[str, Any], heading: str) -> Iterator[str]:
    """The top level, then every model that it leads to, in the order of first mention."""
    definitions: Mapping[str, Any] = schema.get("$defs", {})
    waiting, seen = [(heading, schema)], {heading}
    while waiting:
        name, model = waiting.pop(0)
        yield f"## {name}\n"
        if name != heading:
            yield f"{model.get('description', '').strip()}\n"
        yield "| key | value | default | meaning |\n|-|-|-|-|"
        required = set(model.get("required", ()))
        for key, field in model["properties"].items():
            default = "**required**" if key in required else _default(field)
            meaning = _escape(_meaning(field, definitions))
            yield f"| `{key}` | {_kind(field, definitions)} | {default} | {meaning} |"
        yield ""
        for reference in _references(model["properties"]):
            if reference not in seen and "properties" in definitions[reference]:
                seen.add(reference)
                waiting.append((reference, definitions[reference]))


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value.rpartition("/")[2]
            elif key != "discriminator":
                yield from _references(value)
    elif isinstance(node, list):
        for item in node:
            yield from _references(item)


def _kind(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """What a value may be, in a few words."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return _kind(definitions[name], definitions) if "enum" in definitions[name] else (
            f"[{name}](#{name.lower()})")
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    for key in ("anyOf", "oneOf"):
        if key in field:
            parts = [_kind(part, definitions) for part in field[key] if part.get("type") != "null"]
            return " or ".join(parts)
    kind = field.get("type")
    if kind == "array":
        return f"list of {_kind(field['items'], definitions)}"
    if kind == "object":
        inner = field.get("additionalProperties") or next(iter(field.get("patternProperties", {}).values()))
        return f"name → {_kind(inner, definitions)}"
    if "pattern" in field:
        return FORMS[field["pattern"]]
    words = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false"}
    return words[str(kind)] + _range(field)


def _meaning(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """A field's own description, else that of the model it leads to."""
    target = definitions.get(str(field.get("$ref", "")).rpartition("/")[2], {})
    return str(field.get("description") or target.get("description", ""))


def _range(field: Mapping[str, Any]) -> str:
    parts = []
    for key, word in (("minimum", "from"), ("exclusiveMinimum", "above"), ("maximum", "to"),
                      ("exclusiveMaximum", "below")):
        if key in field:
            parts.append(f"{word} {field[key]:,}".replace(",", " "))
    return f" {' '.join(parts)}" if parts else ""


def _default(field: Mapping[str, Any]) -> str:
    value = field.get("default")
    if value is None or value in ({}, []) or isinstance(value, dict):
        return ""
    return f"`{_escape(json.dumps(value, ensure_ascii=False))}`"


def _escape(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
