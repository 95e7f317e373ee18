"""Short names for the documents and programs that facts come from.

Which document stands behind which call is written once, here; the tables name the place inside it.
"""

from __future__ import annotations

from .model import Evidence, Source


def r8_guide(where: str) -> Source:
    """LENA-R8 series application development guide, UBX-22038374 R01."""
    return Source(Evidence.GUIDE, f"LENA-R8 guide {where}")


def r6_guide(where: str) -> Source:
    """LARA-R6 series internet applications development guide, UBX-22001854 R02."""
    return Source(Evidence.GUIDE, f"LARA-R6 guide {where}")


def both_guides(where: str) -> Source:
    """A fact that both guides print; ``where`` names the places."""
    return Source(Evidence.GUIDE, f"LENA-R8 and LARA-R6 guides, {where}")


def r6_data_sheet(where: str) -> Source:
    """LARA-R6 series data sheet, UBX-21004391 R10."""
    return Source(Evidence.MANUAL, f"LARA-R6 data sheet UBX-21004391, {where}")


def r6_integration(where: str) -> Source:
    """LARA-R6 / LARA-L6 series system integration manual, UBX-21010011 R09."""
    return Source(Evidence.MANUAL, f"LARA-R6/L6 system integration manual UBX-21010011, {where}")


def r6_app_note(where: str) -> Source:
    """LARA-R6 / LARA-L6 series application development note, UBX-22001850 R03."""
    return Source(Evidence.MANUAL, f"LARA-R6/L6 application development note UBX-22001850, {where}")


def r8_integration(where: str) -> Source:
    """LENA-R8 series system integration manual, UBX-22015376 R02."""
    return Source(Evidence.MANUAL, f"LENA-R8 system integration manual UBX-22015376, {where}")


def r8_error_table(where: str = "error list") -> Source:
    """Error table of the LENA-R8 AT commands manual, UBX-22016905 R04, carried by a public program."""
    return Source(Evidence.MANUAL, f"LENA-R8 AT commands manual UBX-22016905, {where}")


def sibling(where: str) -> Source:
    """The AT manual of a related series (SARA-R4, SARA-G450, LEXI-R10, LISA-U2): a strong guess."""
    return Source(Evidence.SIBLING, where)


def driver(where: str) -> Source:
    """The code or an issue thread of a public driver, firmware or chip source."""
    return Source(Evidence.DRIVER, where)


def ubxlib(where: str) -> Source:
    """u-blox's public host library ubxlib, directory cell/src, or its issue threads."""
    return Source(Evidence.DRIVER, f"ubxlib {where}")


def standard(where: str) -> Source:
    """A clause of ITU-T, 3GPP or ETSI."""
    return Source(Evidence.STANDARD, where)


def guess(where: str) -> Source:
    """Remembered or inferred, in no document at hand; ``where`` says how it came about."""
    return Source(Evidence.GUESS, where)
