"""The house rules hold, and their checks can fail."""

from __future__ import annotations

import importlib.util
from pathlib import Path

spec = importlib.util.spec_from_file_location("house_rules", Path(__file__).with_name("rules.py"))
assert spec is not None
assert spec.loader is not None
rules = importlib.util.module_from_spec(spec)
spec.loader.exec_module(rules)


def test_the_house_is_in_order() -> None:
    assert rules.breaches() == []


def test_planted_breaches_are_found(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "suites").mkdir()
    (tmp_path / "fixtures").mkdir()
    (tmp_path / "src" / "a.py").write_text("if profile.series is Series.LENA_R8:\n    pass\n")
    (tmp_path / "suites" / "b.py").write_text("import cellbench.host\nimport requests\n")
    found = "\n".join(rules.breaches(tmp_path))
    assert "src/a.py:1: compares the series" in found
    assert "suites/b.py:1: suites may use cellbench.api alone" in found
    assert "suites/b.py:2: suites may not import requests" in found
