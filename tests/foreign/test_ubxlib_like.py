"""A driver in the manner of u-blox's own library takes both series from no supply to echoes and off again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen
from typing import Any

import serial
import yaml

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUV"
APN = {"r8": "internet.wind.biz", "r6": "apn_name"}
MODULE = {"r8": "LENA-R8", "r6": "LARA-R6"}


def wiring(rig: dict[str, Any], slot: str) -> list[str]:
    """The slot's bench as arguments of the driver, read from the rig file."""
    entry = rig["slots"][slot]
    supply = rig["instruments"][entry["power"]["supply"]]["resource"].split("::")
    lines = entry["lines"]
    board = rig["instruments"][lines["pwr_on"]["on"]]
    password = Path(board["password"]["file"]).read_text().strip()
    return ["--uart", entry["ports"]["uart"]["url"], "--supply", f"{supply[1]}:{supply[2]}",
            "--channel", str(entry["power"]["channel"]), "--relays", f"{board['host']}:{board['port']}",
            "--password", password, "--pwr-on", DIGITS[lines["pwr_on"]["pin"]],
            "--vusb-det", DIGITS[lines["vusb_det"]["pin"]], "--v-int", DIGITS[lines["v_int"]["input"]]]


def test_from_no_supply_to_echoes_and_off_again(foreign_rack: Any, peer: Callable[..., Popen[str]]) -> None:
    rig = yaml.safe_load(Path(foreign_rack.ready["rig_file"]).read_text())
    programs = {key: peer("ubxlib_like.py", *wiring(rig, f"ubx-{key}"), "--apn", APN[key], "--module",
                          MODULE[key], "--echo", "echo.u-blox.com:7", "--flip", "0.1") for key in MODULE}
    for key, program in programs.items():
        out, err = program.communicate(timeout=120)
        assert out, err
        found = json.loads(out)
        assert "failed" not in found, found
        assert found["model"].startswith(MODULE[key])
        assert found["echo"] == "195.34.89.241"
        assert found["hex"] == '"00FF0D0A"'
        assert found["sent"] == 516
        assert "+CEREG" in found["registered_by"]
        assert (found["closed"], found["udp"], found["off"]) == (True, True, True)
        log = (foreign_rack.directory / f"ubx-{key}" / "supply.log").read_text().splitlines()
        assert [line.split()[2:] for line in log] == [["output", "on", "scpi"], ["output", "off", "scpi"]]


def test_data_wakes_a_lena_and_the_first_byte_is_lost(foreign_rack: Any) -> None:
    """The driver's wake-up: an AT whose answer may be missing, then again, then the module is there."""
    frames, slot = 200, "chat-r8"
    foreign_rack.power_on(slot)
    with serial.serial_for_url(foreign_rack.slots[slot]["uart"], 115200, timeout=0.3) as port:
        def answer(line: bytes) -> bytes:
            port.write(line + b"\r")
            return bytes(port.read_until(b"OK\r\n"))

        end = time.monotonic() + 10
        while not answer(b"AT").endswith(b"OK\r\n"):
            assert time.monotonic() < end
        assert answer(b"ATE0").endswith(b"OK\r\n")
        assert answer(b"AT&K0").endswith(b"OK\r\n")
        assert answer(b"AT+UPSV=4,%d" % frames).endswith(b"OK\r\n")
        time.sleep(frames * 0.004615 + 0.2)
        assert answer(b"AT") == b""  # "T" alone came through
        assert answer(b"AT").endswith(b"OK\r\n")
        assert answer(b"AT+UPSV=0").endswith(b"OK\r\n")
