"""OpenSC's explorer reads and writes the card, Osmocom's key generator authenticates it, both by AT+CSIM.

The module's SIM stands in a virtual PC/SC reader (vpcd of vsmartcard): what a PC/SC program sends goes over
the module's tty as AT+CSIM. opensc-explorer knows nothing of modules, osmo-auc-gen nothing of cards.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
DAEMON = Path("/run/pcscd/pcscd.comm")
WAIT_S = 40.0
K, OP = "000102030405060708090A0B0C0D0E0F", "63BFA50EE6523365FF14C1F45F88737D"
CARD = f"""
iso_select: true
pin_enabled: true
k: "{K}"
op: "{OP}"
files:
  - {{path: 3F00/7F10/6F99, size: 20, rule: pin}}
"""
SCRIPT = """info 2FE2
cat 2FE2
cd 7F10
verify CHV1 39393939FFFFFFFF
verify CHV1 31323334FFFFFFFF
update_binary 6F99 3 "HELLO"
cat 6F99
change CHV1 31323334FFFFFFFF 35363738FFFFFFFF
cd ..
cd aid:A0000000871002FFFFFFFF8907090000
info 6F40
cat 6F07
update_binary 6F07 0 00
quit
"""


def program(name: str, package: str) -> str:
    found = shutil.which(name, path=PATH)
    if found is None:
        pytest.fail(f"the foreign peer {name} is not installed (Debian's package {package})")
    return found


def until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def answers(path: Path) -> bool:
    """Whether somebody listens at a local socket."""
    with socket.socket(socket.AF_UNIX) as one:
        return one.connect_ex(str(path)) == 0


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def slot(foreign_rack: Any, key: str, tmp_path: Path) -> str:
    """A module that is on, with a card of the test's own."""
    name = f"sim-{key}"
    foreign_rack.power_on(name)
    card = tmp_path / "card.yaml"
    card.write_text(CARD, encoding="utf-8")
    done = foreign_rack.ctl("sim", f"card={card}", slot=name)
    assert done.returncode == 0, done.stderr
    until(lambda: "status=pin" in foreign_rack.ctl("report", "what=sim", slot=name).stdout, "no card")
    return name


@pytest.fixture
def reader(foreign_rack: Any, slot: str, tmp_path: Path,
           peer: Callable[..., Popen[str]]) -> Iterator[Popen[str]]:
    """pcscd with a virtual reader that holds the module's card; the program in between."""
    daemon = program("pcscd", "pcscd")
    lock = (Path(tempfile.gettempdir()) / "cellbench-tests-pcscd").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)  # tests of other workers
    if not DRIVER.exists():
        pytest.fail(f"{DRIVER} is not there (Debian's package vsmartcard-vpcd)")
    if os.geteuid() != 0:
        pytest.skip("pcscd has one socket for the machine, which root alone makes")
    if answers(DAEMON):
        pytest.skip("pcscd has one socket for the machine, and another pcscd holds it")
    DAEMON.unlink(missing_ok=True)
    port = free_port()
    (tmp_path / "readers").mkdir()
    (tmp_path / "readers" / "vpcd").write_text(
        f'FRIENDLYNAME "Virtual PCD"\nDEVICENAME /dev/null:{port}\nLIBPATH {DRIVER}\nCHANNELID {port}\n')
    with ExitStack() as held:
        held.callback(lock.close)
        log = held.enter_context((tmp_path / "pcscd.log").open("wb"))
        running = Popen([daemon, "--foreground", "--config", str(tmp_path / "readers")], stdout=log,
                        stderr=log)
        held.callback(ended, running)
        until(DAEMON.exists, "pcscd does not come up")
        bridge = peer("csim_bridge.py", foreign_rack.slots[slot]["at"][0], port)
        held.callback(ended, bridge)
        assert bridge.stdout is not None
        assert bridge.stdout.readline() == "ready\n"
        yield bridge


def ended(program: Popen[Any]) -> None:
    program.terminate()
    program.wait(20)


def test_a_smart_card_tool_reads_and_writes(reader: Popen[str], tmp_path: Path, foreign_rack: Any,
                                            slot: str) -> None:
    script = tmp_path / "script"
    script.write_text(SCRIPT)
    done = subprocess.run([program("opensc-explorer", "opensc"), "-c", "default", "-w", str(script)],
                          capture_output=True, text=True, timeout=60, check=False)
    said = done.stdout + done.stderr
    assert "File path:               3F00/2FE2\nFile size:               10 bytes" in said, said
    assert "98 93 88 43 58 01 00 95 49 F4" in said
    assert "Incorrect code, 2 tries left" in said
    assert "Code correct" in said
    assert "Total of 5 bytes written to 6F99 at offset 3" in said
    assert "FF FF FF 48 45 4C 4C 4F FF" in said
    assert "PIN changed" in said
    assert "Number of records:       2\nMax. record size:        24 bytes" in said
    assert "08 29 22 88 85 05 10 98 49" in said
    assert "Cannot update 6F07" in said
    report = foreign_rack.ctl("report", "what=sim", slot=slot).stdout
    assert "status=operational" in report, report
    reader.terminate()
    exchanges = reader.communicate(timeout=10)[0].splitlines()
    assert len(exchanges) > 20
    assert "00D600000100 > 6982" in exchanges  # EF_IMSI is the operator's to write
    assert all(re.fullmatch(r"[0-9A-F]+ > [0-9A-F]{4,}", one) for one in exchanges)


def generated(*arguments: str) -> dict[str, str]:
    """A vector of osmo-auc-gen."""
    tool = program("osmo-auc-gen", "libosmocore-utils")
    command = [tool, "-3", "-a", "milenage", "-k", K, "-O", OP, "-f", "8000", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    return dict(re.findall(r"^([A-Za-z.]+):\s+(\S+)$", done.stdout, re.MULTILINE))


def test_a_foreign_authentication_centre(foreign_rack: Any, slot: str) -> None:
    """A challenge, and a resynchronisation: both ends compute, nothing else is shared but K and OP."""
    import serial

    with serial.Serial(foreign_rack.slots[slot]["at"][0], 115_200, timeout=15) as port:
        def csim(text: str) -> str:
            port.write(f'AT+CSIM={len(text)},"{text}"\r'.encode("ascii"))
            received = port.read_until(b"\r\nOK\r\n").decode("ascii")
            found = re.search(r'\+CSIM: \d+,"([0-9A-F]+)"', received)
            assert found is not None, received
            return found[1]

        assert csim("002000010831323334FFFFFFFF") == "9000"
        for sqn in (0x1000 << 5, 0x2000 << 5 | 7):
            rand = secrets.token_hex(16)
            vector = generated("-r", rand, "-s", str(sqn))
            answer = csim(f"008800812210{rand}10{vector['AUTN']}".upper())
            wanted = f"DB08{vector['RES']}10{vector['CK']}10{vector['IK']}08{vector['Kc']}9000"
            assert answer == wanted.upper()
        rand = secrets.token_hex(16)
        answer = csim(f"008800812210{rand}10{generated('-r', rand, '-s', '64')['AUTN']}".upper())
        assert re.fullmatch(r"DC0E[0-9A-F]{28}9000", answer)
        found = generated("-r", rand, "-A", answer[4:32])
        assert int(found["SQN.MS"]) == 0x2000 << 5 | 7
