"""The generated documents are those that the models give, and editors' schema agrees with the loader."""

from __future__ import annotations

from cellbench.rig.docs import files, firmware_schema, limits_schema, rig_schema


def test_committed_documents_are_current(root):
    for path, text in files(root).items():
        assert path.read_text(encoding="utf-8") == text, f"{path}: run python -m cellbench.rig.docs"


def test_every_key_says_what_it_is():
    for schema in (rig_schema(), limits_schema(), firmware_schema()):
        for name, model in {"the file": schema, **schema["$defs"]}.items():
            assert name == "the file" or model.get("description"), name
            for key, field in model.get("properties", {}).items():
                target = schema["$defs"].get(field.get("$ref", "").rpartition("/")[2], {})
                assert field.get("description") or target.get("description"), f"{name}.{key}"
            assert model.get("additionalProperties", False) is False or "enum" in model


def test_page_shows_both_instruments_and_no_pattern(root):
    page = (root / "docs" / "rig-file.md").read_text(encoding="utf-8")
    assert "`supply.scpi-generic`" in page
    assert "`line.numato-ethernet`" in page
    assert "[A-Za-z" not in page
