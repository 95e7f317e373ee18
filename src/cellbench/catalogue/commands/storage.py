"""The module's file system, restore of the factory state, back-up."""

from __future__ import annotations

from cellbench.catalogue.model import R6_ONLY, Storage
from cellbench.catalogue.sources import r6_app_note, r8_guide, sibling, ubxlib

from .building import command, either, number

_NAME = either("name", longest=248)
_TAG = either("tag", optional=True)
_FILE_TIME = ubxlib("10 s, more for large files")

COMMANDS = (
    command(
        "+UFACTORY",
        "Restore of the factory state",
        "srt",
        r8_guide("6.2, Table 14"),
        number("fs", (0, 2)),
        number("nvm", (0, 2)),
        stored=Storage.NVM,
        notes="only a flag: done at the next boot; 0,0 takes it back",
    ),
    command(
        "+UDWNFILE",
        "Write a file",
        "st",
        r8_guide("9.3.1.2, Table 31"),
        _NAME,
        number("size", (1, 5000000)),
        _TAG,
        prompt=">",
        alone=True,
        times=30.0,
        times_source=sibling("SARA-R4 AT commands manual: 20 s without input end it; 10 s more"),
        notes="appends when the file is there; name up to 63 characters on LENA-R8",
    ),
    command(
        "+URDFILE",
        "Read a file",
        "st",
        r8_guide("9.3.1.2, Table 31"),
        _NAME,
        _TAG,
        info="+URDFILE",
        times=10.0,
        times_source=_FILE_TIME,
        notes="the name is printed without quotes in the guide",
    ),
    command(
        "+URDBLOCK",
        "Read a part of a file",
        "st",
        ubxlib("u_cell_file.h: USER area only"),
        _NAME,
        number("offset", (0, 5000000)),
        number("size", (1, 5000000)),
        info="+URDBLOCK",
        times=10.0,
        times_source=_FILE_TIME,
    ),
    command(
        "+ULSTFILE",
        "List of files",
        "xst",
        ubxlib("u_cell_file.c"),
        number("op", (0, 2), optional=True),
        either("name_or_tag", optional=True, longest=248),
        _TAG,
        info="+ULSTFILE",
        times=10.0,
        times_source=_FILE_TIME,
        notes="0 names, 1 free bytes, 2 size of a file",
    ),
    command(
        "+UDELFILE",
        "Delete a file",
        "st",
        ubxlib("u_cell_file.c"),
        _NAME,
        _TAG,
        times=10.0,
        times_source=_FILE_TIME,
        notes="+CME ERROR: 1612 when there is none",
    ),
    command(
        "+UBKUPDATA",
        "Back-up",
        "xst",
        r6_app_note("+UBKUPDATA: up to 15 s"),
        number("mode", (0, 2), optional=True),
        series=R6_ONLY,
        urcs=("+UUBKUPDATA",),
        times=15.0,
        times_source=r6_app_note("+UBKUPDATA"),
        info="+UBKUPDATA",
    ),
)
