"""The words of ``cellbench migration``; what they do is imported when they are said."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_migration(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to a parser's."""
    text = "what moving from LARA-R6 to LENA-R8 changes, seen on modules of both"
    parser = commands.add_parser("migration", help=text, description=text)
    parser.set_defaults(action=_migration, parser=parser)
    parser.add_argument("place", type=Path, nargs="+",
                        help="a rig file, which is run, or the folder of a run; several make one report")
    parser.add_argument("--slot", action="append", default=[], help="only this slot; may be repeated")
    parser.add_argument("--code", type=Path, default=None, metavar="FOLDER",
                        help="the host's code: name its lines that are concerned")
    parser.add_argument("--results", type=Path, default=None)
    parser.add_argument("--timing", choices=("fast", "real"), default=None)


def _migration(arguments: argparse.Namespace) -> int:
    from cellbench.session.programs import migration

    return migration(arguments.place, arguments.slot, arguments.results, arguments.timing, arguments.code)
