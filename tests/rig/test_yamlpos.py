"""Reading YAML with positions: nothing guessed, nothing lost, nothing raised."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellbench.rig.yamlpos import read_document, read_text

KEYS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-10**15, 10**15)
    | st.floats(allow_nan=False, allow_infinity=False) | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=20)


@pytest.mark.parametrize(("text", "value"), [
    ("on", "on"), ("no", "no"), ("Yes", "Yes"), ("0123", "0123"), ("0x1F", "0x1F"), ("12:30", "12:30"),
    ("2026-11-21", "2026-11-21"), ("true", True), ("FALSE", False), ("~", None), ("", None), ("null", None),
    ("17", 17), ("-17", -17), ("+5", 5), ("3.8", 3.8), (".5", 0.5), ("1e3", 1000.0), ("'17'", "17"),
    ('"~"', "~"),
    ("1_000", "1_000"), (".inf", ".inf"), (".nan", ".nan"), ("|\n  17", "17\n"),
])
def test_plain_values_by_the_core_schema(text, value):
    document = read_text(f"a: {text}\n", "f")
    assert document.findings == ()
    assert document.data == {"a": value}
    assert type(document.data["a"]) is type(value)


@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=5))
def test_json_is_read_as_what_it_is(data):
    # every JSON text is YAML 1.2, so that a generated rig file may be either
    text = json.dumps(data, ensure_ascii=False)
    document = read_text(text, "f")
    assert document.data == data or not text.isprintable() or any(
        "\\u0000" in text or "levels" in finding.message for finding in document.findings)


def test_lines_of_keys_and_values():
    document = read_text("a:\n  b: 1\n  c:\n    - x\n    - {d: 2,\n       e: 3}\n", "f")
    lines = {".".join(map(str, path)): (mark.key, mark.value) for path, mark in document.marks.items()}
    assert lines == {"": (1, 1), "a": (1, 1), "a.b": (2, 2), "a.c": (3, 3), "a.c.0": (4, 4), "a.c.1": (5, 5),
                     "a.c.1.d": (5, 5), "a.c.1.e": (6, 6)}
    assert document.line(("a", "c", 1, "nowhere")) == 5
    assert str(document.finding(("a", "c", 1, "e"), "wrong", "right")) == "f:6: a.c[1].e: wrong; right"


@pytest.mark.parametrize(("text", "line", "message"), [
    ("a: 1\nb: 2\na: 3\n", 3, "given twice, first in line 1"),
    ("a:\n  b: &x 1\n  c: *x\n", 3, "aliases"),
    ("a: 1\nb: !!python/object/apply:os.system ['true']\n", 2, "tags"),
    ("!!map {a: 1}\n", 1, "tags"),
    ("? [a]\n: b\n", 1, "a key must be a text"),
    ("? {a: b}\n: {c: d}\n", 1, "a key must be a text"),
    ("a: 1\n---\nb: 2\n", 2, "second document"),
    ("a: 1e999\n", 1, "too large"),
    ("a: 1\nb: 99999999999999999999\n", 2, "too large"),
    ('a: "\\0"\n', 1, "no file can hold"),
    ("a: {" * 30, 1, "more than 20 levels"),
    ("\n".join(" " * depth + "a:" for depth in range(30)), 21, "more than 20 levels"),
    ("a: " + "[" * 5000, 1, "more than 20 levels"),
    ("a: [1,\n b: 2\n", 2, "not YAML"),
    ("a: 'x\n", 1, "not YAML"),
    ("a: b: c\n", 1, "not YAML"),
    ("a: 1\nb: x\u2028y\n", 2, "U+2028"), ("a: 1\rb: 2\n", 1, "U+000D"), ("a: 1\r\nb: \x85\r\n", 2, "U+0085"),
    ("", 1, "empty"), ("# only a comment\n", 1, "empty"), ("- a\n", 1, "not a mapping"),
    ("x\n", 1, "not a mapping"),
])
def test_what_is_refused(text, line, message):
    findings = read_text(text, "f").findings
    assert any(finding.line == line and message in finding.message for finding in findings), findings


def test_refused_parts_are_cut_out_and_the_rest_is_kept():
    document = read_text("a: !x 1\nb: 2\nb: {c: [3]}\nd: {e: *y, f: 4}\n? [g]\n: h\ni: 5\n", "f")
    assert document.data == {"b": 2, "d": {"f": 4}, "i": 5}
    assert [finding.line for finding in document.findings] == [1, 3, 4, 5]
    assert document.refused == {("a",), ("d", "e")}


@settings(max_examples=200)
@given(st.text(st.sampled_from("ab:{}[],-?!&*'\"|>#% \n\t~0.\x00é"), max_size=60))
def test_any_text_is_read_or_refused_with_a_line_of_it(text):
    document = read_text(text, "f")
    assert document.data is None or isinstance(document.data, dict)
    assert document.data is not None or document.findings
    for finding in document.findings:
        assert 1 <= finding.line <= text.count("\n") + 1


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "bytes.yaml"
    path.write_bytes(data)
    document = read_document(path)
    assert document.findings or document.data is not None


def test_byte_order_mark_is_no_part_of_the_first_key(tmp_path):
    path = tmp_path / "bom.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert read_document(path).data == {"a": 1, "b": 2}
