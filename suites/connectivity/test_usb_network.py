"""The network function on USB, bridge and router: LENA-R8 guide 5.5, Tables 10 and 11.

Whose address the host gets is asked of the module by DHCP, where the host's kernel has the interface and lets
the bench use it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from types import MappingProxyType

import pytest

from cellbench.api import Dut, Network, NotPossible, Recorder, procedure

from .usb import settings_kept, stored

BRIDGE, ROUTER = 0, 255
DRIVERS: Mapping[int, str] = MappingProxyType({3: "rndis_host", 5: "cdc_ether"})
BACK_S = 30.0


def _choose(dut: Dut, record: Recorder, mode: int, nat: int) -> None:
    """The rows of Tables 10 and 11, the USB configuration with them: one reboot for both."""
    with record.step('AT+SYSNV=0,"nat_cfg"'):
        name, value = dut.send('AT+SYSNV=0,"nat_cfg"').value("+SYSNV")
        assert name == "nat_cfg"
        record.note(f"found at {value}")
    with record.step(f'AT+SYSNV=1,"nat_cfg", {nat}'):
        changed = [dut.ensure(f'AT+SYSNV=1,"nat_cfg", {nat}'), dut.ensure(f'AT+SYSNV=1,"usbmode",{mode}')]
        assert stored(dut, "nat_cfg") == nat
    if any(changed):
        with record.step("AT+CFUN=16"):
            dut.reboot()
            assert stored(dut, "nat_cfg") == nat, "it is lost after the reboot"


def _interface(dut: Dut, record: Recorder, mode: int) -> str:
    view = dut.slot.ports.view(BACK_S)
    assert [one.driver for one in view.device.functions if one.nets] == [DRIVERS[mode]]
    name = dut.slot.ports.network_interface()
    record.note(f"{name} by {DRIVERS[mode]}")
    return name


def _contexts(dut: Dut, network: Network) -> set[str]:
    """The addresses that the network gave, by AT command as the guide wants it."""
    dut.register()
    cid = dut.activate(apn=network.apn)
    lines = dut.send("AT+CGPADDR").fields("+CGPADDR")
    found = {str(field) for fields in lines for field in fields[1:] if field}
    assert dut.address(cid) in found
    return found


def _host_address(dut: Dut, record: Recorder, name: str) -> ipaddress.IPv4Address | None:
    try:
        found = dut.slot.ports.network_address()
    except NotPossible as reason:
        record.note(f"not seen: the host's address on {name}: {reason}")
        return None
    record.note(f"the host's address on {name}: {found}")
    return ipaddress.IPv4Address(found)


@procedure("R8:5.5.1", "R8:5.5.1.1", title="Bridge mode by Table 10: the network's address is for the host",
           needs=("usb",), depends_on=("network",))
def test_bridge(dut: Dut, network: Network, record: Recorder) -> None:
    """The setting as printed; the addresses can be retrieved by AT command."""
    with settings_kept(dut, "usbmode", "nat_cfg"):
        _choose(dut, record, 5, BRIDGE)
        name = _interface(dut, record, 5)
        granted = _contexts(dut, network)
        record.note(f"the network gave {', '.join(sorted(granted))}")
        held = _host_address(dut, record, name)
        assert held is None or str(held) in granted


@procedure("R8:5.5.2", "R8:5.5.2.1", title="Router mode by Table 11: the host's address is a private one",
           needs=("usb",), depends_on=("network",))
def test_router(dut: Dut, network: Network, record: Recorder) -> None:
    """The setting as printed; the network's address stays with the module."""
    with settings_kept(dut, "usbmode", "nat_cfg"):
        if stored(dut, "nat_cfg") == ROUTER:
            dut.ensure(f'AT+SYSNV=1,"nat_cfg",{BRIDGE}')
        _choose(dut, record, 5, ROUTER)
        name = _interface(dut, record, 5)
        granted = _contexts(dut, network)
        held = _host_address(dut, record, name)
        assert held is None or (held.is_private and str(held) not in granted)


@procedure("R8:5.5", title="RNDIS has bridge and router as well", needs=("usb",),
           depends_on=("network",))
@pytest.mark.parametrize("nat", [BRIDGE, ROUTER])
def test_rndis_has_both(dut: Dut, network: Network, record: Recorder, nat: int) -> None:
    """Both ECM and RNDIS support both modes."""
    with settings_kept(dut, "usbmode", "nat_cfg"):
        _choose(dut, record, 3, nat)
        name = _interface(dut, record, 3)
        granted = _contexts(dut, network)
        held = _host_address(dut, record, name)
        assert held is None or (str(held) in granted) is (nat == BRIDGE)


@procedure("R8:5.5.1.1", title="A configuration of the network that does not exist is refused")
def test_refused(dut: Dut) -> None:
    """The setting is an octet; what was there stays."""
    before = stored(dut, "nat_cfg")
    assert not dut.send('AT+SYSNV=1,"nat_cfg",65536', check=False).ok
    assert not dut.send('AT+SYSNV=1,"nat_cfg"', check=False).ok
    assert stored(dut, "nat_cfg") == before
