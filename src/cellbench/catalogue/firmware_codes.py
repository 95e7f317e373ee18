"""What the final codes of a firmware update mean (+UFWUPD, +UFWINSTALL, +UUFWINSTALL), and the texts and
+CME ERROR numbers beside them.

No document of the two series at hand lists the codes: most come from a public driver of their relatives.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .clients import Meaning
from .sources import guess, r8_error_table, r8_guide, sibling, ubxlib

SUCCESS = 128

_DRIVER = ubxlib("u_cell_fota.h")
_REMEMBERED = guess("remembered; blank in the public driver")
_LARA = ubxlib("u_cell_fota.h: named for LARA-R6")
_NOTE = sibling("SARA-R5 firmware update note UBX-20033314 R03; SARA-R4 AT commands manual")

CODES: Mapping[int, Meaning] = MappingProxyType({
    SUCCESS: Meaning("the update succeeded", r8_guide("11.1.1, 11.2.2, Tables 48 and 52")),
    129: Meaning("generic failure", _DRIVER),
    130: Meaning("access to the flash failed", _DRIVER),
    131: Meaning("access to the delta file failed (SARA-R5), or no RAM (SARA-R4, LARA-R6)", _DRIVER),
    132: Meaning("the partition table cannot be read", _LARA),
    134: Meaning("a bad block", _LARA),
    140: Meaning("the decompression engine failed", _DRIVER),
    141: Meaning("RAM error in the decompression", _DRIVER),
    144: Meaning("the package is not found", _DRIVER),
    145: Meaning("access to the file system failed", _DRIVER),
    148: Meaning("the delta is corrupted", _DRIVER),
    158: Meaning("the package's format is unknown", _DRIVER),
    160: Meaning("writing the flash failed", _DRIVER),
    168: Meaning("the delta does not fit the installed firmware", _DRIVER),
    173: Meaning("the signature does not match", _DRIVER),
    174: Meaning("this version of deltas is not supported", _DRIVER),
    178: Meaning("RAM corrupted", _DRIVER),
    180: Meaning("the delta's size does not match", _DRIVER),
    195: Meaning("the updated flash is corrupted", _DRIVER),
    224: Meaning("the finalisation failed", _REMEMBERED),
    227: Meaning("the public key failed", _REMEMBERED),
    230: Meaning("a file operation failed", _REMEMBERED),
    247: Meaning("the check before the installation failed", _REMEMBERED),
})
"""Final codes above 100; 0 to 100 is progress."""

CME: Mapping[int, Meaning] = MappingProxyType({
    5000: Meaning("state or name of the stored package does not fit", r8_error_table()),
    5001: Meaning("the stored package is corrupted", r8_error_table()),
    5002: Meaning("the memory is in use", r8_error_table()),
})
"""+CME ERROR numbers of +UFWINSTALL."""

NO_SENDER: Mapping[str, Meaning] = MappingProxyType({
    text: Meaning("nobody sent a package in time", _NOTE) for text in ("Timeout", "ERROR1")
})
"""Texts at the end of update mode without a sender."""


def update_meaning(code: int) -> Meaning:
    """What a final code says."""
    return CODES.get(code, Meaning(f"code {code} is in no document at hand", _DRIVER))


def install_refusal(number: int | None) -> str:
    """What a +CME ERROR of +UFWINSTALL says, "" when nothing is known of it."""
    meaning = CME.get(number) if number is not None else None
    return meaning.text if meaning is not None else ""
