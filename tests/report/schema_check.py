"""A small JSON Schema checker: what reports/schema uses of draft 2020-12, and nothing else."""

from __future__ import annotations

import re
from typing import Any

_TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
_KNOWN = {"$schema", "$id", "$ref", "$defs", "title", "description", "type", "properties", "required",
          "additionalProperties", "items", "enum", "const", "pattern", "minimum", "anyOf"}


def problems(data: Any, schema: dict[str, Any], root: dict[str, Any] | None = None,
             path: str = "") -> list[str]:
    """What does not fit, each with its path; a keyword that this checker does not know is a problem too."""
    root = root or schema
    found = [f"{path}: unknown keyword {name}" for name in schema.keys() - _KNOWN]
    if "$ref" in schema:
        return problems(data, root["$defs"][schema["$ref"].rpartition("/")[2]], root, path)
    if "anyOf" in schema:
        if all(problems(data, one, root, path) for one in schema["anyOf"]):
            found.append(f"{path}: fits none of the forms")
        return found
    if "const" in schema and data != schema["const"]:
        found.append(f"{path}: is not {schema['const']!r}")
    if "enum" in schema and data not in schema["enum"]:
        found.append(f"{path}: {data!r} is none of {schema['enum']}")
    if "type" in schema and not _is(data, schema["type"]):
        return [*found, f"{path}: {data!r} is no {schema['type']}"]
    if "pattern" in schema and not re.search(schema["pattern"], data):
        found.append(f"{path}: {data!r} does not match")
    if "minimum" in schema and isinstance(data, (int, float)) and data < schema["minimum"]:
        found.append(f"{path}: {data} is below {schema['minimum']}")
    if isinstance(data, dict):
        found += _object(data, schema, root, path)
    if isinstance(data, list) and "items" in schema:
        found += [one for place, item in enumerate(data)
                  for one in problems(item, schema["items"], root, f"{path}[{place}]")]
    return found


def _object(data: dict[str, Any], schema: dict[str, Any], root: dict[str, Any], path: str) -> list[str]:
    found = [f"{path}: {name} is missing" for name in schema.get("required", ()) if name not in data]
    extra = schema.get("additionalProperties", True)
    for name, value in data.items():
        own = schema.get("properties", {}).get(name)
        if own is None and extra is False:
            found.append(f"{path}: {name} is not known")
        elif own is not None or isinstance(extra, dict):
            found += problems(value, own if own is not None else extra, root, f"{path}.{name}")
    return found


def _is(data: Any, kind: str | list[str]) -> bool:
    if isinstance(kind, list):
        return any(_is(data, one) for one in kind)
    if kind in ("number", "integer"):
        return isinstance(data, int if kind == "integer" else (int, float)) and not isinstance(data, bool)
    return isinstance(data, _TYPES[kind])
