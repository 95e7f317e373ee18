"""What a package installed apart brings: a variant of a module and a report format."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RUN_S = 240
VARIANT = "LENA-R8001M10-ACME"
RIG = f"""\
rig: acme
evidence: simulated
launch: cellbench virtual up --slot a=LENA-R8:{VARIANT}
slots:
  a: {{series: LENA-R8, variant: {VARIANT}, ordering_code: {VARIANT}-00}}
far_side: {{kind: virtual}}
"""
FAR = '''
from cellbench.api import FarSide, procedure

@procedure(title="Rings", series=("LENA-R8",), needs=("far-side:ring",))
def test_ring(far_side: FarSide) -> None:
    far_side.act("ring", times="2")

@procedure(title="Reports", series=("LENA-R8",), needs=("far-side:network",))
def test_network(far_side: FarSide) -> None:
    raise AssertionError("not reached")
'''
IDENTITY = """
from cellbench.catalogue.model import Series
from cellbench.catalogue.modules import profile_by_identity, variants_of
print(*variants_of(Series.LENA_R8))
for text in ('LENA-R8001M10-ACME-00', 'LENA-R8001M10-00C-00', 'LENA-R8001-00C-00', 'LENA-R8009-00C-00'):
    found = profile_by_identity(text)
    print(found.variant, found.factory['firmware'])
"""


def python(building: ModuleType, path: Path, *words: str,
           at: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = building.outside(path=path, runtime=path.parent / "run")
    return subprocess.run([sys.executable, *words], cwd=at, env=environment, capture_output=True, text=True,
                          timeout=RUN_S, check=False)


@pytest.fixture(scope="module")
def acme(building: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the example package is installed, apart from everything else."""
    work = tmp_path_factory.mktemp("acme")
    shutil.copytree(HERE / "acme_bench", work / "source", ignore=shutil.ignore_patterns("__pycache__"))
    wheel = building.wheel_of(work / "source", work / "wheels")
    building.pip("install", "--quiet", "--no-deps", "--target", str(work / "installed"), str(wheel))
    return work / "installed"


def test_a_variant_and_a_report_format_of_another_package(building: ModuleType, acme: Path,
                                                          tmp_path: Path) -> None:
    """The variant is matched by its type number, named in a rig file and booted; the format is written."""
    told = python(building, acme, "-c", IDENTITY)
    assert told.stdout.splitlines() == [
        f"LENA-R8001M10 LENA-R8001 {VARIANT}", f"{VARIANT} 02.00,A01.22-ACME",
        "LENA-R8001M10 02.00,A01.22", "LENA-R8001 02.00,A01.22", "LENA-R8001M10 02.00,A01.22"], told.stderr
    (tmp_path / "rig.yaml").write_text(RIG)
    done = python(building, acme, "-m", "pytest", "suites/parser/test_responses.py", "-k", "echo", "--rig",
                  str(tmp_path / "rig.yaml"), "--results", str(tmp_path / "out"), "--timing", "fast",
                  "--progress", "off")
    assert done.returncode == 0, done.stdout + done.stderr
    (folder,) = [one for one in (tmp_path / "out").iterdir() if one.is_dir()]
    assert "PASS" in (folder / "tally.txt").read_text()
    records = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    assert [one["data"]["model"] for one in records if one["kind"] == "unit"] == [f"{VARIANT}-00"]


def test_an_instrument_and_a_far_side_of_another_package(building: ModuleType, acme: Path,
                                                         tmp_path: Path) -> None:
    """A rig file names them; the supply is opened, identified and switched, the call box rings."""
    rack = subprocess.Popen(
        [sys.executable, "-m", "cellbench", "virtual", "up", "--slot", "a=LENA-R8", "--dir",
         str(tmp_path / "rack"), "--end-with", str(os.getpid())], stdout=subprocess.PIPE, text=True)
    try:
        assert rack.stdout is not None
        written = Path(json.loads(rack.stdout.readline())["rig_file"])
        rig = tmp_path / "rack" / "acme.yaml"
        text = written.read_text().replace("supply.scpi-generic", "supply.acme-lab")
        settings = f"{{kind: package, driver: acme-callbox, settings: {{diary: {tmp_path / 'diary'}}}}}"
        text = re.sub(r"^far_side:\n(  .*\n)+", f"far_side: {settings}\n", text, flags=re.MULTILINE)
        assert "supply.acme-lab" in text
        assert "acme-callbox" in text
        rig.write_text(text)
        done = python(building, acme, "-m", "cellbench", "at", str(rig), "a", "--power-on", "AT+CGMI",
                      at=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "u-blox" in done.stdout
        (tmp_path / "test_far.py").write_text(FAR)
        run = python(building, acme, "-m", "pytest", "test_far.py", "--rig", str(rig), "--reports", "none",
                     "--progress", "plain", at=tmp_path)
        assert "1 passed, 1 not possible" in run.stdout, run.stdout + run.stderr
        assert "the call box rings and does nothing else" in run.stdout
        assert (tmp_path / "diary").read_text() == "a rings 2 times"
        alone = python(building, tmp_path, "-m", "cellbench", "rig", "validate", str(rig), at=tmp_path)
        assert alone.returncode == 2
        assert "supply.acme-lab" in alone.stdout
    finally:
        rack.terminate()
        rack.wait(20)
        assert rack.stdout is not None
        rack.stdout.close()


def test_without_the_package_its_variant_is_a_mistake_of_the_rig_file(building: ModuleType,
                                                                      tmp_path: Path) -> None:
    (tmp_path / "rig.yaml").write_text(RIG)
    done = python(building, tmp_path, "-m", "cellbench", "rig", "validate", str(tmp_path / "rig.yaml"))
    assert done.returncode == 2
    assert f"rig.yaml:5: slots.a.variant: LENA-R8 has no variant {VARIANT}" in done.stdout


@pytest.mark.parametrize(("source", "told"), [
    ("TRACKER = 1\n", "is no VariantOverride with a series"),
    ("raise RuntimeError('broken')\n", "cannot be loaded: broken"),
    ("from cellbench.catalogue.model import Series\nfrom cellbench.catalogue.modules.model import *\n"
     "TRACKER = VariantOverride('LENA-R8001', ('X',), series=Series.LENA_R8)\n", "is declared twice"),
    ("from cellbench.catalogue.model import Series\nfrom cellbench.catalogue.modules.model import *\n"
     "TRACKER = VariantOverride('LENA-R8-X', ('X',), {'colour': 1}, series=Series.LENA_R8)\n",
     "a profile has no field colour"),
])
def test_a_package_that_brings_nonsense_is_named(building: ModuleType, acme: Path, tmp_path: Path,
                                                 source: str, told: str) -> None:
    shutil.copytree(acme, tmp_path / "installed")
    (tmp_path / "installed" / "acme_bench.py").write_text(source)
    done = python(building, tmp_path / "installed", "-m", "cellbench", "rig", "validate", "rigs/virtual.yaml")
    assert done.returncode in (2, 12)
    assert told in done.stderr
    assert "Traceback" not in done.stderr
