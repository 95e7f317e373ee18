"""What a Linux host needs so that a module's ports appear and may be opened, as lines to type and files.

``new_id`` is the kernel's way to tell a driver of an id that it does not list (Documentation/ABI/testing/
sysfs-bus-usb and drivers/usb/core/driver.c: ``VID PID [interface class]``, hexadecimal).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cellbench.io.usb import UsbDevice, UsbFunction

RULES_FOLDER = "/etc/udev/rules.d"
PERMISSION_FILE = f"{RULES_FOLDER}/70-cellbench.rules"
GROUP = "dialout"


@dataclass(frozen=True, slots=True)
class UsbDriver:
    """A Linux driver: kernel module, and the ``new_id`` file by which it learns of an id."""

    module: str
    new_id: str


OPTION = UsbDriver("option", "/sys/bus/usb-serial/drivers/option1/new_id")
CDC_ACM = UsbDriver("cdc_acm", "/sys/bus/usb/drivers/cdc_acm/new_id")
CDC_ETHER = UsbDriver("cdc_ether", "/sys/bus/usb/drivers/cdc_ether/new_id")
RNDIS_HOST = UsbDriver("rndis_host", "/sys/bus/usb/drivers/rndis_host/new_id")
QMI_WWAN = UsbDriver("qmi_wwan", "/sys/bus/usb/drivers/qmi_wwan/new_id")

# USB-IF class codes: communications 02, CDC data 0A, wireless E0 (RNDIS 01/03), miscellaneous EF, vendor FF;
# USB CDC 1.2 Table 4: subclass 02 ACM, 06 ECM
COMMUNICATIONS, CDC_DATA, WIRELESS, MISCELLANEOUS, VENDOR = 0x02, 0x0A, 0xE0, 0xEF, 0xFF
_ACM, _ECM = 0x02, 0x06


def is_network_control(function: UsbFunction) -> bool:
    """True for the interface that steers a network function (ECM, RNDIS); its data interface follows it."""
    if function.usb_class == COMMUNICATIONS:
        return function.subclass == _ECM
    return (function.usb_class, function.subclass, function.protocol) in (
        (WIRELESS, 1, 3), (MISCELLANEOUS, 4, 1))


def driver_for(function: UsbFunction, network: str = "") -> UsbDriver:
    """The driver that an interface wants by its class; ``network`` is "rmnet" where a vendor-class
    interface is the network function."""
    if function.usb_class == COMMUNICATIONS:
        return CDC_ETHER if function.subclass == _ECM else CDC_ACM
    if is_network_control(function):
        return RNDIS_HOST
    return QMI_WWAN if network == "rmnet" else OPTION


def driver_remedy(device: UsbDevice, unbound: Sequence[UsbFunction], *, has_network: bool,
                  network: str = "") -> str:
    """The lines that bind the drivers now, and the udev rule that does it at every boot."""
    now, rules = [], []
    for driver in dict.fromkeys(driver_for(function, network) for function in unbound):
        line = f"echo {new_id_text(device, driver, has_network)} > {driver.new_id}"
        now.append(f"modprobe {driver.module} && {line}")
        rules += [f'RUN+="/sbin/modprobe {driver.module}"', f"RUN+=\"/bin/sh -c '{line}'\""]
    match = (f'ACTION=="add", SUBSYSTEM=="usb", ENV{{DEVTYPE}}=="usb_device", ATTR{{idVendor}}=="'
             f'{device.vid:04x}", ATTR{{idProduct}}=="{device.pid:04x}"')
    return (f"as root: {' && '.join(now)}; for good: write to {driver_file(device)} the line: "
            f"{match}, {', '.join(rules)}; then: udevadm control --reload")


def new_id_text(device: UsbDevice, driver: UsbDriver, has_network: bool) -> str:
    """``VID PID``, with the vendor class where ``option`` must leave a network function's interfaces."""
    narrow = f" {VENDOR:02x}" if has_network and driver is OPTION else ""
    return f"{device.vid:04x} {device.pid:04x}{narrow}"


def driver_file(device: UsbDevice) -> str:
    """The rules file of a device's drivers."""
    return f"{RULES_FOLDER}/71-cellbench-{device.vid:04x}-{device.pid:04x}.rules"


def permission_rule(vid: int) -> str:
    """The udev rule that lets the group open a maker's serial ports and keeps ModemManager off them."""
    return (f'SUBSYSTEM=="tty", ATTRS{{idVendor}}=="{vid:04x}", GROUP="{GROUP}", MODE="0660", '
            'ENV{ID_MM_PORT_IGNORE}="1"')


def permission_rules(vids: Iterable[int]) -> str:
    """The whole of PERMISSION_FILE for some makers."""
    return "".join(f"{permission_rule(vid)}\n" for vid in sorted(set(vids)))


def permission_remedy(vid: int, user: str) -> str:
    """How a user gets the permission to open the ports of a maker's devices."""
    return (f"add the user to the group: usermod -aG {GROUP} {user or '$USER'}, then log in anew; where "
            f"the ports belong to another group, write to {PERMISSION_FILE} the line: "
            f"{permission_rule(vid)}; then: udevadm control --reload && udevadm trigger")
