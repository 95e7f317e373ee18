"""oFono as a second initiator of 27.010 against the module's end: a multiplexer of its own, over TCP.

oFono sends SABM right behind the OK of +CMUX and never again, so the module must not need its settling time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cellbench.virtual.control.client import request

BUS = """<busconfig><type>system</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/></policy></busconfig>
"""
WAIT_S = 40.0
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def program(name: str, package: str) -> str:
    found = shutil.which(name, path=PATH)
    if found is None:
        pytest.fail(f"the foreign peer {name} is not installed (Debian's package {package})")
    return found


def until(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + WAIT_S
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


@pytest.fixture
def modem(foreign_rack: Any, tmp_path: Path) -> Iterator[Any]:
    """``modem(method, *arguments)``: a call of oFono's modem object, its answer as dbus-send prints it."""
    foreign_rack.power_on("mux")
    socket = tmp_path / "bus"
    (tmp_path / "bus.conf").write_text(BUS.format(path=socket))
    port = foreign_rack.slots["mux"]["uart"].rpartition(":")[2]
    (tmp_path / "phonesim.conf").write_text(
        f"[mux]\nDriver=phonesim\nAddress=127.0.0.1\nPort={port}\nMultiplexer=internal\n")
    environment = {**os.environ, "PATH": PATH, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={socket}",
                   "OFONO_PHONESIM_CONFIG": str(tmp_path / "phonesim.conf"), "OFONO_AT_DEBUG": "1"}
    log = (tmp_path / "log").open("wb")
    running = [subprocess.Popen([program("dbus-daemon", "dbus"), f"--config-file={tmp_path / 'bus.conf'}",
                                 "--nofork", "--nopidfile"], stdout=log, stderr=log)]
    assert until(socket.exists)
    running.append(subprocess.Popen([program("ofonod", "ofono"), "-n"], env=environment, stdout=log,
                                    stderr=log))
    sender = program("dbus-send", "dbus")

    def call(method: str, *arguments: str) -> str:
        command = [sender, "--system", "--print-reply", f"--reply-timeout={int(WAIT_S * 1000)}",
                   "--dest=org.ofono", "/mux", f"org.ofono.Modem.{method}", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=WAIT_S + 10,
                              check=False)
        return done.stdout if done.returncode == 0 else f"!{done.stderr}"

    yield call
    for process in reversed(running):
        process.terminate()
        process.wait(10)
    log.close()


def mux(rack: Any) -> dict[str, str]:
    text = str(request(rack.directory, "report", {"what": "mux"}, slot="mux")["text"])
    return dict(line.split("=", 1) for line in text.splitlines())


def test_ofono_enables_the_module_through_its_multiplexer(foreign_rack: Any, modem: Any,
                                                          tmp_path: Path) -> None:
    assert until(lambda: not modem("GetProperties").startswith("!"))
    said = modem("SetProperty", "string:Powered", "variant:boolean:true")
    log = (tmp_path / "log").read_text("latin-1")
    assert not said.startswith("!"), said + log
    assert until(lambda: "LARA-R6001" in modem("GetProperties"))
    assert "> AT+CMUX=0,0,8,31" in (tmp_path / "log").read_text("latin-1")
    report = mux(foreign_rack)
    assert [report[key] for key in ("state", "channels", "dtr", "damaged", "stray")] == [
        "running", "1", "1", "0", "0"]
    assert not modem("SetProperty", "string:Powered", "variant:boolean:false").startswith("!")
    assert until(lambda: mux(foreign_rack) == {"state": "off", "ended": "DISC on DLCI 0"})
