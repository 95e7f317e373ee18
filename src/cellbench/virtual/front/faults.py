"""Faults of this program itself: told in the log, answered to the host, and the module goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module


def report_bug(module: Module, where: str, error: Exception) -> None:
    """Write a fault to the log with its traceback; whoever met it answers for the command."""
    module.pace.loop.call_exception_handler({"message": f"{module.name}: {where}", "exception": error})
