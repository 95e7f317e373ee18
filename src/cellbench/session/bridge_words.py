"""The command lines of ``cellbench capture`` and ``cellbench conform``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path


def add_bridge(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``capture`` and ``conform`` to the commands."""
    capture = _command(
        commands, "capture", "record what a module answers, without persons and secrets", _capture)
    capture.add_argument("rig", type=Path)
    capture.add_argument("--slot", default=None, help="default: the rig's only slot")
    capture.add_argument("--grade", type=int, choices=range(4), default=0,
                         help="0 reads only (default), 1 changes settings and puts them back, 2 uses the "
                              "network, 3 writes to memory; each includes those below")
    capture.add_argument("--only", action="append", default=[], metavar="PATTERN",
                         help="only commands whose name fits, as +CREG or '+C*'; may be repeated")
    capture.add_argument("--out", type=Path, default=None, metavar="FILE",
                         help="default: MODEL_FIRMWARE_gradeN.capture.jsonl")
    capture.add_argument("--yes", action="store_true", help="go on after the plan without asking")
    capture.add_argument("--port", default=None, help="role of the port (default: the main one)")
    capture.add_argument("--power-on", action="store_true",
                         help="switch the module on first, and off afterwards")
    conform = _command(
        commands, "conform", "hold the virtual module against a capture, and let it learn", _conform)
    conform.add_argument("capture", type=Path)
    conform.add_argument("--overlay", type=Path, default=None, metavar="FILE",
                         help="what is known of this firmware; with --learn, where it is written")
    conform.add_argument("--learn", default=None, metavar="ROWS",
                         help="take these differences over: all, or numbers as 1-5,8")
    conform.add_argument("--time-factor", type=float, default=3.0,
                         help="times differ when one is so many times the other (default: 3)")
    conform.add_argument("--time-floor", type=float, default=1.0, metavar="SECONDS",
                         help="and when they are so far apart (default: 1)")


def _capture(arguments: argparse.Namespace) -> int:
    from cellbench.session.capturing import Wish, capture

    return capture(arguments.rig, Wish(
        slot=arguments.slot, grade=arguments.grade, out=arguments.out, yes=arguments.yes,
        patterns=tuple(arguments.only), power_on=arguments.power_on, port=arguments.port))


def _conform(arguments: argparse.Namespace) -> int:
    from cellbench.bridge.comparing import Limits
    from cellbench.session.conforming import Wish, conform

    return conform(arguments.capture, Wish(
        learn=arguments.learn, overlay=arguments.overlay,
        limits=Limits(arguments.time_factor, arguments.time_floor)))


def _command(commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str,
             action: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(action=action, parser=parser)
    return parser
