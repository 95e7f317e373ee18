"""Doubtful facts of the firmware update (see ``behaviour``)."""

from __future__ import annotations

from dataclasses import dataclass

from cellbench.catalogue.model import Evidence
from cellbench.virtual.device.behaviour_messaging import G, M, X, fact
from cellbench.virtual.device.behaviour_mobility import MobilityFacts

_SIB = Evidence.SIBLING


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateFacts(MobilityFacts):
    """How a series does what the guides leave open about +UFWUPD, +UFWINSTALL and the boot mode."""

    foat_prompt: str = fact(
        "What +UFWUPD prints before the restart in place of a final result code.",
        G, "LENA-R8 guide Table 48: >; SARA-R5 firmware update note: nothing", r8=">", r6="")
    foat_crc_s: float = fact(
        "Time between two C of an update over AT; three come.", G, "LENA-R8 guide 11.1.1: 3 s",
        r8=3.0, r6=3.0)
    foat_nak_s: float = fact(
        "Time between two NAK of an update over AT; ten come after the C.",
        G, "LENA-R8 guide 11.1.1: 10 s", r8=10.0, r6=10.0)
    foat_block_s: float = fact(
        "Silence within the transfer after which NAK is sent; never less than 1 s for a host's sake.",
        X, "Xmodem: 10 s", r8=10.0, r6=10.0)
    foat_retries: int = fact("Errors in a row after which the transfer is given up.", X, "Xmodem: 10",
                             r8=10, r6=10)
    foat_timeout_text: str = fact(
        "What is printed when nobody sends within the window.", _SIB,
        "SARA-R5 firmware update note: Timeout; others: ERROR1", r8="Timeout", r6="Timeout")
    foat_cut_waits: bool = fact(
        "An update over AT cut before its first write stays in update mode at the next start, else the old "
        "firmware starts.", _SIB, "SARA-R5 firmware update note makes no difference; LENA-R8 guide 11.1.1: "
        "the old firmware is usable until the check is over", r8=False, r6=True)
    foat_result_prefix: str = fact(
        "Prefix of the 128 of an update over AT.", G, "LENA-R8 guide Table 48 prints +UFWINSTALL: 128",
        r8="+UFWINSTALL", r6="+UFWUPD")
    foat_result_after_boot: bool = fact(
        "128 of an update over AT comes after the restart, else before.",
        G, "LENA-R8 guide Table 48; SARA-R5 firmware update note: before", r8=True, r6=False)
    fota_prefix: str = fact(
        "Prefix of progress and result of +UFWINSTALL.", G,
        "LENA-R8 guide Table 52; public driver and SARA-R5 firmware update note: +UUFWINSTALL",
        r8="+UFWINSTALL", r6="+UUFWINSTALL")
    fota_result_after_boot: bool = fact(
        "128 of +UFWINSTALL comes after the restart, else before.", G, "LENA-R8 guide Table 52",
        r8=False, r6=False)
    fota_missing_error: int = fact(
        "+CME ERROR number of +UFWINSTALL without a package of the fixed name and tag.",
        M, "error list of the LENA-R8 AT manual: 5000 state or name mismatch", r8=5000, r6=5000)
    fota_keeps_package: bool = fact(
        "The stored package stays after a good installation.", X, "", r8=False, r6=False)
    update_check_s: float = fact("Check of a package.", X, "", r8=20.0, r6=20.0)
    update_write_s: float = fact(
        "First to last write of the new firmware.", _SIB, "SARA-R5 firmware update note: several minutes",
        r8=120.0, r6=120.0)
    update_silent_s: float = fact(
        "Silence between 100 and 128.", G, "LENA-R8 guide Table 52: about 2 min", r8=120.0, r6=5.0)
    preval_100_said: bool = fact(
        "+UFWPREVAL: 100 is printed.", G, "LENA-R8 guide 11.1.1: it may not be issued", r8=True, r6=False)
    update_wipes_foat: str = fact(
        "What an update over AT wipes of files, nvm, sms.", _SIB, "LENA-R8 guide Table 53: nothing; LARA-R6: "
        "SARA-R5 firmware update note, to be measured", r8="", r6="files nvm sms")
    update_wipes_fota: str = fact(
        "What +UFWINSTALL wipes of files, nvm, sms.", _SIB, "LENA-R8 guide Table 53: nothing; LARA-R6: "
        "SARA-R5 firmware update note, to be measured", r8="", r6="nvm sms")
    flash_s: float = fact("Writing of a full image in boot mode.", X, "", r8=60.0, r6=60.0)
    update_defect: str = fact(
        "A defect switched on: brick-at-100, lose-certificates, accept-wrong-start, "
        "report-128-without-update.", X, "made up, to prove that tests find it", r8="", r6="")
