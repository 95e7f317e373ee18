"""The Linux kernel's own multiplexer (n_gsm) as initiator against the module's end of 27.010.

A kernel in a process (user-mode-linux) has a line of each series on a PTY: see uml.py.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cellbench.virtual.control.client import request

COUNT = 65536
SCRIPT = """
for line in "0 64 internet.wind.biz" "1 200"; do
  set -- $line
  "$PYTHON" -S -E {program} /dev/ttyS$1 $2 {echo} {count} ${{3:-}} >said$1 2>&1 &
done
wait
"""


@pytest.fixture
def rack(tmp_path: Path) -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-m", "cellbench", "virtual", "up", "--slot", "r8=LENA-R8", "--slot",
               "r6=LARA-R6", "--powered", "--uart", "pty", "--dir", str(tmp_path / "rack")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    yield {**json.loads(process.stdout.readline()), "directory": tmp_path / "rack"}
    process.kill()
    process.communicate()


def test_the_kernels_multiplexer_meets_the_module(rack: dict[str, Any], guest: Callable[..., Any]) -> None:
    """AT on two channels at once, lines of MSC, 64 kB to an echo server and back on one of them, the end."""
    lines = tuple(str(Path(slot["uart"]).resolve()) for slot in rack["slots"])
    program = Path(__file__).with_name("peers") / "n_gsm.py"
    one = guest(SCRIPT.format(program=program, echo="195.34.89.241", count=COUNT), serial=lines,
                modules=("n_gsm",))
    assert one.ended(150) == 0, one.log()
    for number, series in enumerate(("r8", "r6")):
        text = one.file(f"said{number}").read_text()
        said = dict(line.partition(" ")[2].split("=", 1) for line in text.splitlines() if "=" in line)
        assert said == {
            "cmux": "OK", "while-scanning": "u-blox|OK", "scan": "True", "lines": "CTS|DSR",
            "socket": "+USOCR: 0|OK", "connect": "OK", "data": "CONNECT", "data-lines": "CTS|DSR|DCD",
            "echoed": "True", "bytes": str(COUNT), "answers": "8", "escaped": "DISCONNECT|OK", "closed": "OK",
            "close-down": "f9 01 ef 05 c1 01 93 f9", "bare": "u-blox|OK"}, (series, text)
        report = str(request(rack["directory"], "report", {"what": "mux"}, slot=series)["text"])
        facts = dict(line.split("=") for line in report.splitlines())
        assert facts == {"state": "off", "ended": "CLD"}
