"""May this user use a device node, and what to do when not."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from pathlib import Path

from cellbench.guardian.processes import user_name
from cellbench.io.usb import UsbDevice
from cellbench.rig.udev import GROUP, PERMISSION_FILE, permission_rule

RELOAD = "then `sudo udevadm control --reload && sudo udevadm trigger`"


def missing_right(node: Path, device: UsbDevice | None, subsystem: str = "tty") -> tuple[str, str] | None:
    """What is missing and the remedy; None when the node can be read and written.

    ``device`` is the USB device that the node belongs to, for the udev rule.
    """
    if os.access(node, os.R_OK | os.W_OK, effective_ids=True):
        return None
    facts = node.stat()
    user, group = user_name(os.geteuid()), _group_name(facts.st_gid)
    mode = stat.filemode(facts.st_mode)
    told = f"no permission for user {user}: {node} is {mode} {user_name(facts.st_uid)} {group}"
    if facts.st_mode & 0o060 == 0o060 and facts.st_gid != 0:
        if _is_member(user, facts.st_gid):
            return told, f"{user} is in group {group} since after this login: log out and in again"
        return told, f"`sudo usermod -aG {group} {user}`, then log out and in again"
    rule = _rule(device, subsystem, node)
    return told, (
        f"write `{rule}` into {PERMISSION_FILE}, {RELOAD}; "
        f"`sudo usermod -aG {GROUP} {user}`, then log out and in again"
    )


def _rule(device: UsbDevice | None, subsystem: str, node: Path) -> str:
    """The udev line that gives a device to the group."""
    if device is not None and subsystem == "tty":
        return permission_rule(device.vid)
    match = (
        f'ATTR{{idVendor}}=="{device.vid:04x}", ATTR{{idProduct}}=="{device.pid:04x}"'
        if device is not None
        else f'KERNEL=="{node.name}"'
    )
    return f'SUBSYSTEM=="{subsystem}", {match}, GROUP="{GROUP}", MODE="0660"'


def _group_name(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _is_member(user: str, group: int) -> bool:
    try:
        return user in grp.getgrgid(group).gr_mem or pwd.getpwnam(user).pw_gid == group
    except KeyError:
        return False
