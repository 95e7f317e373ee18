"""The words of ``cellbench firmware``; what they do is imported when they are said."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_firmware(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to a parser's."""
    verbs = commands.add_parser("firmware", help="catalogues of firmware images and deltas").add_subparsers(
        metavar="VERB", required=True
    )
    text = "check a catalogue and every file in it"
    verify = verbs.add_parser("verify", help=text, description=text)
    verify.set_defaults(action=_verify, parser=verify)
    verify.add_argument("file", type=Path, help="the catalogue, or a rig file that names one")
    text = "add an image or a delta to a catalogue"
    add = verbs.add_parser("add", help=text, description=text)
    add.set_defaults(action=_add, parser=add)
    add.add_argument("file", type=Path, help="the catalogue; made when it is not there")
    add.add_argument("image", type=Path)
    _add_releases(add, "start release of a delta (a full image has none)")
    text = "print the packages that lead from one release to another"
    path = verbs.add_parser("path", help=text, description=text)
    path.set_defaults(action=_path, parser=path)
    path.add_argument("file", type=Path, help="the catalogue, or a rig file that names one")
    path.add_argument("--no-flashing", action="store_true", help="deltas only")
    _add_releases(path, "installed release (default: unknown)")


def _add_releases(parser: argparse.ArgumentParser, begin: str) -> None:
    parser.add_argument("--series", required=True)
    parser.add_argument("--variant", default=None, help="default: the whole series")
    parser.add_argument("--from", default=None, dest="start", metavar="VERSION", help=begin)
    parser.add_argument("--to", required=True, dest="end", metavar="VERSION")


def _verify(arguments: argparse.Namespace) -> int:
    from cellbench.session.firmware import verify

    return verify(arguments.file)


def _add(arguments: argparse.Namespace) -> int:
    from cellbench.session.firmware import add_image

    return add_image(arguments.file, arguments.image, arguments.series, arguments.start, arguments.end,
                     arguments.variant)


def _path(arguments: argparse.Namespace) -> int:
    from cellbench.session.firmware import show_path

    return show_path(arguments.file, arguments.series, arguments.start, arguments.end, arguments.variant,
                     no_flashing=arguments.no_flashing)
