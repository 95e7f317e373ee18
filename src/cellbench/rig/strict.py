"""Check plain data against a model and say every mistake with its line and remedy.

What fails is cut out and the rest is checked again, so that cross checks can run on a file that still
has mistakes elsewhere, and a person sees all of them at once.
"""

from __future__ import annotations

import copy
import difflib
import json
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar, Union

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from cellbench.base.errors import Finding
from cellbench.instruments.settings import FORMS
from cellbench.rig.yamlpos import Document, KeyPath

M = TypeVar("M", bound=BaseModel)
_LISTED_AT_MOST = 8  # a longer list hides the word that was meant
_ROUNDS = 40  # each round cuts at least one branch, and a file has at most 20 levels
_UNKNOWN = "extra_forbidden"
_SECRET_KEYS = frozenset({"password", "pin"})


def check(document: Document, model: type[M]) -> tuple[M | None, tuple[Finding, ...]]:
    """The model of what is right in a document, and all mistakes.

    The model is None when too much is wrong to build it; it lacks what the findings speak of.
    """
    findings = list(document.findings)
    if document.data is None:
        return None, tuple(findings)
    data = copy.deepcopy(document.data)
    cut: set[KeyPath] = set(document.refused)
    for _ in range(_ROUNDS):
        try:
            return model.model_validate_json(json.dumps(data)), tuple(findings)
        except ValidationError as error:
            places: dict[KeyPath, bool] = {}
            # unknown keys first: what follows from a misspelt key is one mistake, not two
            for detail in sorted(error.errors(include_url=False), key=lambda one: one["type"] != _UNKNOWN):
                path, name = _place(detail, document)
                if not _follows(path, name, cut):
                    findings.append(_finding(document, model, detail, path, name))
                if detail["type"] == _UNKNOWN:
                    free = _free_keys(document, model, path)
                    cut |= {(*path[:-1], near) for near in _nearest(str(path[-1]), free)}
                places.setdefault(path, False)
                places[path] |= detail["type"] != _UNKNOWN
        for place in sorted(places, key=len, reverse=True):
            if not place:
                return None, tuple(findings)
            _remove(data, place)
            if places[place]:  # nothing can follow from an unknown key's going
                cut.add(place)
                if isinstance(place[-1], int):  # its list went with it
                    cut.add(place[:-1])
    return None, tuple(findings)


def nearest(word: str, known: Sequence[str]) -> str:
    """A remedy that names the nearest of the known words, or all of them."""
    near = _nearest(word, known)
    if near:
        return f"did you mean {near[0]}?"
    return f"known are {', '.join(known)}" if known else ""


def _nearest(word: str, known: Sequence[str]) -> list[str]:
    """The nearest known word, if any is near: short words must be nearer to mean the same."""
    cutoff = 0.75 if len(word) < 8 else 0.6
    lower, short = word.lower(), len(word) < 2
    return difflib.get_close_matches(word, known, n=1, cutoff=cutoff) or [
        name for name in known if name.lower() == lower or (not short and name.lower().startswith(lower))][:1]


def known_keys(model: type[BaseModel], path: KeyPath, data: Any) -> tuple[str, ...]:
    """The keys that the model knows at a path; none when the path leads to no model."""
    found: Any = model
    for item in path:
        data = _get(data, (item,))
        found = _step(found, item, data)
    return tuple(_fields(found)) if _is_model(found) else ()


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """A model's fields by the keys that files have for them."""
    return {one.alias or name: one for name, one in model.model_fields.items()}


def _place(detail: Mapping[str, Any], document: Document) -> tuple[KeyPath, str]:
    """The path of a mistake, and the missing key when that is the mistake.

    Pydantic puts names of union branches and markers of keys into its locations; they stand nowhere
    in the document and are dropped.
    """
    path: KeyPath = ()
    location = tuple(detail["loc"])
    missing = detail["type"] == "missing"
    for item in location[:-1] if missing else location:
        if (*path, item) in document.marks:
            path = (*path, item)
    if detail["type"] == "union_tag_invalid" and (*path, "kind") in document.marks:
        path = (*path, "kind")
    return path, str(location[-1]) if missing else ""


def _follows(path: KeyPath, name: str, cut: set[KeyPath]) -> bool:
    """True when the mistake only follows from something cut out before."""
    if name:
        return (*path, name) in cut
    return any(other[:len(path)] == path for other in cut)


def _finding(document: Document, model: type[BaseModel], detail: Mapping[str, Any], path: KeyPath,
             name: str) -> Finding:
    kind = detail["type"]
    if kind == "missing":
        needed = _describe(model, path, name, document.data)
        return document.finding(path, f"the key {name} is missing", f"add {name}{needed}")
    if kind == _UNKNOWN:
        remedy = nearest(str(path[-1]), _free_keys(document, model, path))
        return document.finding(path, "unknown key", remedy, of_key=True)
    if tuple(detail["loc"])[-1:] == ("[key]",):
        pattern = detail.get("ctx", {}).get("pattern", "")
        return document.finding(path, f"the name {path[-1]!r} is not usable",
                                f"write {FORMS.get(pattern, _message(detail))}", of_key=True)
    message, remedy = _explain(detail, path)
    return document.finding(path, message, remedy)


def _free_keys(document: Document, model: type[BaseModel], path: KeyPath) -> Sequence[str]:
    """The keys that could stand where an unknown one stands: those not used yet, else all."""
    keys = known_keys(model, path[:-1], document.data)
    used = _get(document.data, path[:-1])
    return [key for key in keys if not isinstance(used, dict) or key not in used] or keys


def _explain(detail: Mapping[str, Any], path: KeyPath) -> tuple[str, str]:
    """Message and remedy of one of pydantic's errors."""
    kind, value, context = detail["type"], detail.get("input"), detail.get("ctx", {})
    if path and path[-1] in _SECRET_KEYS:
        told = _message(detail) if isinstance(value, dict) else "a secret is never written into the file"
        return told, "write {env: NAME} or {file: PATH outside the repository}"
    shown = json.dumps(value, ensure_ascii=False) if not isinstance(value, dict | list) else ""
    if kind in {"enum", "literal_error", "union_tag_invalid"}:
        known = _quoted(str(context.get("expected") or context.get("expected_tags", "")))
        wrong = str(context.get("tag", value))
        if kind == "union_tag_invalid" and len(known) > _LISTED_AT_MOST:
            return f"{wrong!r} is none of those known here", nearest(wrong, known)
        return f"{wrong!r} is not one of {', '.join(known)}", nearest(wrong, known)
    if kind == "union_tag_not_found":
        return "the key kind is missing", "add kind"
    if kind == "bool_type":
        return f"{shown} is not true or false", "write true or false, without quotes"
    if kind in {"model_type", "dict_type", "model_attributes_type"}:
        return f"{shown or 'this'} is not a mapping of keys", "write `key: value` lines below it"
    if kind in {"tuple_type", "list_type"}:
        return f"{shown or 'this'} is not a list", "write [first, second]"
    if kind == "string_pattern_mismatch":
        pattern = context["pattern"]
        return f"{shown} does not have the right form", f"write {FORMS.get(pattern, pattern)}"
    if kind == "value_error":
        return str(context.get("error", _message(detail))), ""
    if value is None:
        return "there is no value", "write a value, or remove the key"
    return f"{shown}: {_message(detail)}" if shown else _message(detail), ""


def _message(detail: Mapping[str, Any]) -> str:
    text = str(detail["msg"]).removeprefix("Value error, ")
    for begin, instead in (("Input should be a valid ", "must be a valid "), ("Input should be ", "must be "),
                           ("String should have ", "must have "), ("String should match ", "must match "),
                           ("Dictionary should have ", "must have "), ("Tuple should have ", "must have "),
                           ("Input should ", "must ")):
        if text.startswith(begin):
            return instead + text.removeprefix(begin)
    return text


def _quoted(text: str) -> list[str]:
    """The words between single quotes."""
    return text.split("'")[1::2]


def _describe(model: type[BaseModel], path: KeyPath, name: str, data: Any) -> str:
    found: Any = model
    for item in path:
        data = _get(data, (item,))
        found = _step(found, item, data)
    if not _is_model(found) or name not in _fields(found):
        return ""
    text = _fields(found)[name].description
    return f": {text.rstrip('.')}" if text else ""


def _step(found: Any, item: str | int, data: Any) -> Any:
    """The type below one path item, ``data`` being the value there."""
    if _is_model(found):
        field = _fields(found).get(str(item))
        return _unwrap(field.annotation, data) if field is not None else None
    arguments = typing.get_args(found)
    if typing.get_origin(found) in {dict, tuple, list} and arguments:
        return _unwrap(arguments[1] if typing.get_origin(found) is dict else arguments[0], data)
    return None


def _unwrap(found: Any, data: Any) -> Any:
    """The plain type inside Annotated, Optional and unions told apart by `kind`."""
    while typing.get_origin(found) is Annotated:
        found = typing.get_args(found)[0]
    if typing.get_origin(found) not in {Union, types.UnionType}:
        return found
    branches = [_unwrap(branch, data) for branch in typing.get_args(found) if branch is not type(None)]
    if len(branches) == 1:
        return branches[0]
    kind = data.get("kind") if isinstance(data, dict) else None
    for branch in branches:
        if _is_model(branch) and kind in typing.get_args(branch.model_fields["kind"].annotation):
            return branch
    return None


def _is_model(found: Any) -> bool:
    return isinstance(found, type) and issubclass(found, BaseModel)


def _get(data: Any, path: KeyPath) -> Any:
    for item in path:
        if isinstance(data, dict):
            data = data.get(item)
        elif isinstance(data, list) and isinstance(item, int) and item < len(data):
            data = data[item]
        else:
            return None
    return data


def _remove(data: Any, path: KeyPath) -> None:
    """Cut a branch; an entry of a list takes its list with it, for the others must not move."""
    parent = _get(data, path[:-1])
    if isinstance(parent, dict):
        parent.pop(path[-1], None)
    elif isinstance(parent, list):
        _remove(data, path[:-1])

