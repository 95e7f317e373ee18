"""Which interfaces a composition has, in descriptor order, and what a Linux host makes of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cellbench.catalogue.modules.model import UsbComposition

# USB CDC 1.2: 02/06 ECM and 02/02 ACM control, 0A data; RNDIS is E0/01/03 by the USB-IF's class codes
_CONTROL = {"rndis": (0xE0, 1, 3), "ecm": (2, 6, 0)}
_NET_DRIVER = {"rndis": "rndis_host", "ecm": "cdc_ether", "rmnet": "qmi_wwan"}
_NET_NAME = {"rndis": "usb", "ecm": "usb", "rmnet": "wwan"}
_DATA = (0x0A, 0, 0)
_VENDOR = (0xFF, 0, 0)
_ACM = (2, 2, 1)


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface: class triple, name, driver; ``port`` is the place among the serial ports, ``tty`` the
    family of its node; ``net`` the family of its network interface."""

    number: int
    triple: tuple[int, int, int]
    name: str
    driver: str
    port: int | None = None
    tty: str = ""
    net: str = ""


def layout(composition: UsbComposition) -> tuple[Interface, ...]:
    """All interfaces of a composition, numbered."""
    serial = _serial(composition)
    network = _network(composition.network)
    parts = [*network, *serial] if composition.network_first else [*serial, *network]
    return tuple(Interface(number, *part) for number, part in enumerate(parts))


_Part = tuple[tuple[int, int, int], str, str, int | None, str, str]


def _serial(composition: UsbComposition) -> list[_Part]:
    parts: list[_Part] = []
    for port, face in enumerate(composition.interfaces):
        if composition.serial_class == "acm":
            parts += [(_ACM, face.name, "cdc_acm", port, "ttyACM", ""), (_DATA, "", "cdc_acm", None, "", "")]
        else:
            parts.append((_VENDOR, face.name, "option", port, "ttyUSB", ""))
    return parts


def _network(kind: str) -> list[_Part]:
    if kind == "none":
        return []
    driver, net = _NET_DRIVER[kind], _NET_NAME[kind]
    if kind == "rmnet":
        return [(_VENDOR, "", driver, None, "", net)]
    return [(_CONTROL[kind], "", driver, None, "", net), (_DATA, "", driver, None, "", "")]


def link_names(roles: Sequence[str]) -> list[str]:
    """Names for the ports of a composition: the role with a number in descriptor order (at0, diag0 ...)."""
    counts: dict[str, int] = {}
    names = []
    for role in roles:
        counts[role] = counts.get(role, -1) + 1
        names.append(f"{role}{counts[role]}")
    return names
