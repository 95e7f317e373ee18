"""The wheel alone: what is in it, and a project that uses it beside its own suites."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[2]
RUN_S = 240


def expected_files(root: Path) -> set[str]:
    """What a source tree has for the wheel, by the names it must have there."""
    found = set()
    for place, folder, endings in (
        ("cellbench", root / "src/cellbench", (".py",)),
        ("cellbench/fixtures", root / "fixtures", (".py",)),
        ("cellbench/suites", root / "suites", (".py",)),
        ("cellbench/templates", root / "reports/templates", (".py", ".j2", ".typ", ".css", ".js", ".svg")),
        ("cellbench/schemas", root / "reports/schema", (".py", ".json")),
        ("cellbench/rigs", root / "rigs", (".yaml",)),
        ("cellbench/virtual/world", root / "src/cellbench/virtual/world", None),
        ("cellbench/virtual/uicc/cards", root / "src/cellbench/virtual/uicc/cards", (".yaml",)),
        ("cellbench/catalogue/overlays", root / "src/cellbench/catalogue/overlays", (".yaml", ".md")),
        ("cellbench/starter/files", root / "src/cellbench/starter/files", None),
    ):
        for path in folder.rglob("*"):
            inside = path.relative_to(folder)
            left_out = "__pycache__" in inside.parts or path.name.endswith(".local.yaml")
            if path.is_file() and not left_out and (endings is None or path.suffix in endings):
                found.add(f"{place}/{inside.as_posix()}")
    return found | {"cellbench/py.typed"}


def follow_the_page(project: Path) -> None:
    """Do in a project what docs/writing-a-procedure.md tells a newcomer to do."""
    page = (ROOT / "docs/writing-a-procedure.md").read_text()
    chapter = re.search(r"```yaml\n(  \"2\".*?)```", page, re.DOTALL)
    suite = re.search(r"```python\n(\"\"\"Telegrams.*?)```", page, re.DOTALL)
    assert chapter is not None
    assert suite is not None
    with (project / "guides/product.yaml").open("a") as guide:
        guide.write(chapter[1])
    (project / "suites/test_telegram.py").write_text(suite[1])


def test_the_wheel_alone_carries_a_project(building: ModuleType, tmp_path: Path) -> None:
    """Built, listed, installed beside the dependencies; a new project runs suites of both origins."""
    wheel = building.build_wheel(tmp_path)
    names = {name for name in building.names_in(wheel) if ".dist-info/" not in name}
    expected = expected_files(tmp_path / "source")
    assert names - expected == set()
    assert expected - names == set()
    assert wheel.stat().st_size < 5_000_000

    place, project = tmp_path / "installed", tmp_path / "project"
    building.pip("install", "--quiet", "--no-deps", "--target", str(place), str(wheel))

    def run(*words: str, at: Path = tmp_path) -> subprocess.CompletedProcess[str]:
        environment = building.outside(path=place, runtime=tmp_path / "run")
        return subprocess.run([sys.executable, "-m", *words], cwd=at, env=environment, capture_output=True,
                              text=True, timeout=RUN_S, check=False)

    where = run("cellbench", "new", "project")
    assert where.returncode == 0, where.stderr
    follow_the_page(project)
    done = run("pytest", "--pyargs", "cellbench.suites.parser", "suites", "--rig", "rigs/virtual.yaml",
               "--slot", "lena-r8-1", "--timing", "fast", "--progress", "off",
               "-k", "echo or product or telegram",
               at=project)
    assert done.returncode == 0, done.stdout + done.stderr
    (folder,) = [one for one in (project / "reports/out").iterdir() if one.is_dir()]
    assert (folder / "validation.pdf").is_file()
    cases = ElementTree.parse(folder / "junit.xml").findall(".//testcase")
    origins = {str(case.get("classname")) for case in cases}
    assert {"suites.test_product", "suites.test_telegram"} <= origins
    assert any(name.startswith("cellbench.suites.parser.") for name in origins)
    assert "Product test specification, issue 1: 3 of 3 testable sections covered" in done.stdout
