"""Rig files made from a good one, with places changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

GOOD = """\
rig: line1
instruments:
  psu1:
    kind: supply.scpi-generic
    resource: TCPIP::192.168.1.20::5025::SOCKET
    channels: 2
  relays1:
    kind: line.numato-ethernet
    host: 192.168.1.21
    user: admin
    password: {env: RELAY_PASSWORD}
    relays: 8
    inputs: 4
slots:
  a1:
    series: LARA-R6
    variant: LARA-R6001D
    power:
      supply: psu1
      channel: 1
      voltage_v: 3.8
      current_limit_a: 2.5
    lines:
      pwr_on: {on: relays1, pin: 0, active: low}
      reset_n: {on: relays1, pin: 1, active: low, inverted: true}
      v_int: {on: relays1, input: 0, active: high}
    ports:
      uart: {url: "rfc2217://127.0.0.1:4001"}
      usb: {location: 1-2.1}
  a2:
    series: LENA-R8
    power: {supply: psu1, channel: 2, voltage_v: 3.8, current_limit_a: 2.5, over_voltage_v: 4.4}
    lines:
      pwr_on: {on: relays1, pin: 2, active: low}
      usb_boot: {on: relays1, pin: 3, active: high}
    ports:
      uart: {location: 1-3, interface: 1, wired: [dtr, rts]}
network: {apn: internet}
limits:
  LARA-R6: limits/lara-r6.yaml
  LENA-R8: limits/lena-r8.yaml
services:
  echo: {host: 195.34.89.241, name: echo.u-blox.com, port: 7}
"""


@pytest.fixture
def rig_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes a rig file: the good one with texts replaced, each of which must be there."""
    shutil.copytree(ROOT / "rigs" / "limits", tmp_path / "limits")

    def write(*changes: tuple[str, str], text: str = GOOD, name: str = "line1.yaml") -> Path:
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new, 1)
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


@pytest.fixture
def root() -> Path:
    """The repository."""
    return ROOT
