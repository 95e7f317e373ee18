"""May this user use a device node, and what to do when not."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from pathlib import Path

from cellbench.guardian.processes import user_name

_GROUP = "dialout"  # the group that owns serial ports on Debian and its kin; uucp on others
_RULES = "/etc/udev/rules.d/70-cellbench.rules"


def missing_right(
    node: Path, vendor: tuple[str, str] | None, subsystem: str = "tty"
) -> tuple[str, str] | None:
    """What is missing and the remedy; None when the node can be read and written.

    ``vendor``: idVendor and idProduct of the node's USB device, for the udev rule.
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
    return told, f"{rule(vendor, subsystem, node)}; `sudo usermod -aG {_GROUP} {user}`, then log in again"


def rule(vendor: tuple[str, str] | None, subsystem: str, node: Path) -> str:
    """The udev line that gives a device to a group, and where it goes."""
    attribute = "ATTR" if subsystem == "usb" else "ATTRS"
    match = (
        f'{attribute}{{idVendor}}=="{vendor[0]}", {attribute}{{idProduct}}=="{vendor[1]}"'
        if vendor
        else f'KERNEL=="{node.name}"'
    )
    return (
        f'write `SUBSYSTEM=="{subsystem}", {match}, GROUP="{_GROUP}", MODE="0660"` into {_RULES}, then '
        "`sudo udevadm control --reload && sudo udevadm trigger`"
    )


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
