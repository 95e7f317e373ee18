"""What a missing package of an extra looks like."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cellbench.base.errors import OperatorError, RigError
from cellbench.base.extras import optional

WITHOUT = """
import sys
for name in {missing!r}:
    sys.modules[name] = None  # as if it were not installed
"""

# base dependencies alone: every module must come in, but for those of an extra and what starts with them
EVERYTHING = """
import importlib, pkgutil
import cellbench
from cellbench.base.errors import OperatorError
EXEMPT = ('cellbench.virtual', 'cellbench.services', 'cellbench.roots.serve', 'cellbench.io.tls',
          'cellbench.instruments.line.gpiod_board', 'cellbench.instruments.line.ftdi_board',
          'cellbench.__main__', 'cellbench.suites')
bad = []
for one in pkgutil.walk_packages(cellbench.__path__, 'cellbench.', onerror=lambda name: None):
    if one.name.startswith(EXEMPT):
        continue
    try:
        importlib.import_module(one.name)
    except BaseException as error:
        bad.append(f'{one.name}: {error!r}')
print('\\n'.join(bad))
"""

EXTRAS = ["dnslib", "OpenSSL", "cryptography", "h11", "psycopg", "psycopg2", "gpiod", "pyftdi", "ppk2_api",
          "usb"]


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    head = WITHOUT.format(missing=EXTRAS)
    return subprocess.run([sys.executable, "-c", head + code, *arguments], capture_output=True, text=True,
                          timeout=120, check=False)


def test_the_command_that_installs_it_is_named() -> None:
    with pytest.raises(OperatorError) as caught, optional("virtual", "the virtual rack"):
        import no_such_package_at_all  # type: ignore[import-not-found]  # noqa: F401
    assert str(caught.value) == ("the virtual rack needs the package no_such_package_at_all, which is not "
                                 "installed; pip install 'cellbench[virtual]'")


def test_the_owner_can_be_chosen_and_own_modules_are_no_extra() -> None:
    with pytest.raises(RigError), optional("gpio", "line.gpiod", RigError):
        import no_such_package_at_all  # noqa: F401
    with pytest.raises(ModuleNotFoundError), optional("gpio", "line.gpiod"):
        import cellbench.no_such_module  # type: ignore[import-not-found]  # noqa: F401


def test_no_module_that_drives_or_reports_needs_an_extra() -> None:
    done = run(EVERYTHING)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("words", [("virtual", "up", "--slot", "LENA-R8"), ("services", "up")])
def test_a_program_without_its_extra_is_a_sentence(words: tuple[str, ...]) -> None:
    done = run("from cellbench.cli import main\nsys.exit(main(sys.argv[1:]))", *words)
    assert done.returncode == 12
    assert "pip install 'cellbench[virtual]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_without_its_driver_is_a_sentence() -> None:
    code = "from cellbench.store.store import Store\nStore.open('postgresql+psycopg://u:secret@localhost/x')"
    done = run(code)
    assert "pip install 'cellbench[postgres]'" in done.stderr
    assert "secret" not in done.stderr
