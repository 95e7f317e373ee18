"""The files of a UICC with USIM and ISIM: identifiers, structures, sizes, rules (TS 31.102, TS 31.103).

``size`` is that of a transparent file, or of one record; ``records`` 0 says transparent. ``rule`` is a record
of EF_ARR (:data:`RULES`). Clauses without a document are those of TS 31.102.
Files without a content of their own begin with FF (annex E).
"""

from __future__ import annotations

from dataclasses import dataclass

from cellbench.virtual.uicc.access import INCREASE, rule
from cellbench.virtual.uicc.files import Structure
from cellbench.virtual.uicc.pins import ADM1, ADM3, PIN1, PIN2

USIM_AID = bytes.fromhex("A0000000871002FFFFFFFF8907090000")  # TS 101 220 annex E, E.1
ISIM_AID = bytes.fromhex("A0000000871004FFFFFFFF8907090000")
MF_ARR, INNER_ARR = 0x2F06, 0x6F06
DF_TELECOM, DF_GSM_ACCESS = 0x7F10, 0x5F3B
DIR, PL, ICCID, UMPC = 0x2F00, 0x2F05, 0x2FE2, 0x2F08
IMSI, AD, ACC, UST, EST, SPN, HPPLMN = 0x6F07, 0x6FAD, 0x6F78, 0x6F38, 0x6F56, 0x6F46, 0x6F31
LOCI, PSLOCI, EPSLOCI, FPLMN, ECC = 0x6F7E, 0x6F73, 0x6FE3, 0x6F7B, 0x6FB7
PLMN_WACT, OPLMN_WACT, HPLMN_WACT = 0x6F60, 0x6F61, 0x6F62
MSISDN, SMS, SMSP = 0x6F40, 0x6F3C, 0x6F42
LOCATIONS = (LOCI, PSLOCI, EPSLOCI)
READ, UPDATE, LIFE = 0x01, 0x02, 0x18  # bits of the access mode byte; LIFE: deactivate and activate

OF_DF, ADMIN, READ_FREE_PIN, PIN_PIN, PIN_ADM, PIN_PIN2, COUNTER, FIXED, SECRET, CHARGED = range(1, 11)
"""Numbers of the rules below: read and update by whom (ADMIN: read always, update ADM)."""
RULES = (
    rule((0x7F, ADM1)),
    rule((READ, None), (UPDATE | LIFE, ADM1)),
    rule((READ, None), (UPDATE, PIN1), (LIFE, ADM1)),
    rule((READ | UPDATE, PIN1), (LIFE, ADM1)),
    rule((READ, PIN1), (UPDATE | LIFE, ADM1)),
    rule((READ, PIN1), (UPDATE, PIN2), (LIFE, ADM1)),
    rule((READ | UPDATE, PIN1), (bytes([INCREASE]), PIN1), (LIFE, ADM1)),
    rule((READ, None), (UPDATE, 0), (LIFE, ADM1)),
    rule((READ | UPDATE | LIFE, ADM1)),
    rule((READ, PIN1), (UPDATE, PIN2), (bytes([INCREASE]), PIN1), (LIFE, ADM1)),
)
RULE_SIZE = 48
MF_PINS, APPLICATION_PINS, DF_PINS = (PIN1, ADM1, ADM3), (PIN1, PIN2, ADM1), (PIN1, ADM1)


@dataclass(frozen=True, slots=True)
class Line:
    """One file of the standard: see the module's docstring."""

    fid: int
    name: str
    clause: str
    size: int
    rule: int
    sfi: int = 0
    records: int = 0
    cyclic: bool = False
    content: bytes | None = None

    @property
    def structure(self) -> Structure:
        """The structure of the file."""
        if not self.records:
            return Structure.TRANSPARENT
        return Structure.CYCLIC if self.cyclic else Structure.LINEAR


MASTER_FILES = (
    Line(DIR, "DIR", "TS 102 221 13.1", 38, ADMIN, 0x1E, 4),
    Line(PL, "PL", "TS 102 221 13.3", 4, READ_FREE_PIN, 0x05),
    Line(MF_ARR, "ARR", "TS 102 221 13.4", RULE_SIZE, ADMIN, 0x06, len(RULES)),
    Line(UMPC, "UMPC", "TS 102 221 13.5", 5, ADMIN, 0x08, content=bytes.fromhex("0A3C000000")),
    Line(ICCID, "ICCID", "TS 102 221 13.2", 10, FIXED, 0x02),
)
TELECOM_FILES = (
    Line(INNER_ARR, "ARR", "TS 31.102 4.4.1", RULE_SIZE, ADMIN, 0, len(RULES)),
    Line(0x6F3A, "ADN", "TS 31.102 4.4.2.3", 24, PIN_PIN, 0, 20),
    Line(SMS, "SMS", "TS 51.011 10.5.3", 176, PIN_PIN, 0, 10),
    Line(MSISDN, "MSISDN", "TS 51.011 10.5.5", 24, PIN_PIN, 0, 2),
    Line(SMSP, "SMSP", "TS 51.011 10.5.6", 40, PIN_PIN, 0, 1),
    Line(0x6F43, "SMSS", "TS 51.011 10.5.7", 2, PIN_PIN),
    Line(0x6F44, "LND", "TS 51.011 10.5.8", 24, PIN_PIN, 0, 5, cyclic=True),
)
USIM_FILES = (
    Line(0x6F05, "LI", "4.2.1", 4, READ_FREE_PIN, 0x02),
    Line(INNER_ARR, "ARR", "4.2.55", RULE_SIZE, ADMIN, 0x17, len(RULES)),
    Line(IMSI, "IMSI", "4.2.2", 9, PIN_ADM, 0x07),
    Line(0x6F08, "Keys", "4.2.3", 33, PIN_PIN, 0x08, content=b"\x07" + b"\xff" * 32),
    Line(0x6F09, "KeysPS", "4.2.4", 33, PIN_PIN, 0x09, content=b"\x07" + b"\xff" * 32),
    Line(HPPLMN, "HPPLMN", "4.2.6", 1, PIN_ADM, 0x12, content=b"\x05"),
    Line(0x6F37, "ACMmax", "4.2.7", 3, PIN_PIN2, content=b"\0\0\0"),
    Line(UST, "UST", "4.2.8", 12, PIN_ADM, 0x04),
    Line(0x6F39, "ACM", "4.2.9", 3, CHARGED, 0, 3, cyclic=True, content=b"\0\0\0" * 3),
    Line(0x6F3E, "GID1", "4.2.10", 4, PIN_ADM),
    Line(0x6F3F, "GID2", "4.2.11", 4, PIN_ADM),
    Line(SPN, "SPN", "4.2.12", 17, ADMIN),
    Line(0x6F41, "PUCT", "4.2.13", 5, PIN_PIN2, content=bytes.fromhex("FFFFFF0000")),
    Line(0x6F45, "CBMI", "4.2.14", 8, PIN_PIN),
    Line(ACC, "ACC", "4.2.15", 2, PIN_ADM, 0x06),
    Line(FPLMN, "FPLMN", "4.2.16", 12, PIN_PIN, 0x0D),
    Line(LOCI, "LOCI", "4.2.17", 11, PIN_PIN, 0x0B, content=bytes.fromhex("FFFFFFFF22F2880000FF01")),
    Line(AD, "AD", "4.2.18", 4, ADMIN, 0x03),
    Line(0x6F48, "CBMID", "4.2.20", 8, PIN_ADM, 0x0E),
    Line(ECC, "ECC", "4.2.21", 16, ADMIN, 0x01, 1),
    Line(0x6F50, "CBMIR", "4.2.22", 8, PIN_PIN),
    Line(PSLOCI, "PSLOCI", "4.2.23", 14, PIN_PIN, 0x0C),
    Line(0x6F3B, "FDN", "4.2.24", 24, PIN_PIN2, 0, 5),
    Line(SMS, "SMS", "4.2.25", 176, PIN_PIN, 0, 10),
    Line(MSISDN, "MSISDN", "4.2.26", 24, PIN_PIN, 0, 2),
    Line(SMSP, "SMSP", "4.2.27", 40, PIN_PIN, 0, 1),
    Line(0x6F43, "SMSS", "4.2.28", 2, PIN_PIN),
    Line(0x6F80, "ICI", "4.2.33", 38, PIN_PIN, 0x14, 5, cyclic=True),
    Line(0x6F81, "OCI", "4.2.34", 37, PIN_PIN, 0x15, 5, cyclic=True),
    Line(0x6F82, "ICT", "4.2.35", 3, COUNTER, 0, 3, cyclic=True, content=b"\0\0\0" * 3),
    Line(0x6F83, "OCT", "4.2.36", 3, COUNTER, 0, 3, cyclic=True, content=b"\0\0\0" * 3),
    Line(EST, "EST", "4.2.47", 1, PIN_PIN2, 0x05, content=b"\0"),
    Line(0x6F5B, "START-HFN", "4.2.51", 6, PIN_PIN, 0x0F, content=bytes.fromhex("F00000F00000")),
    Line(0x6F5C, "THRESHOLD", "4.2.52", 3, PIN_ADM, 0x10),
    Line(PLMN_WACT, "PLMNwAcT", "4.2.5", 40, PIN_PIN, 0x0A, content=bytes.fromhex("FFFFFF0000") * 8),
    Line(OPLMN_WACT, "OPLMNwAcT", "4.2.53", 40, PIN_ADM, 0x11, content=bytes.fromhex("FFFFFF0000") * 8),
    Line(HPLMN_WACT, "HPLMNwAcT", "4.2.54", 5, PIN_ADM, 0x13),
    Line(0x6FC4, "NETPAR", "4.2.57", 46, PIN_PIN),
    Line(0x6FD9, "EHPLMN", "4.2.84", 12, PIN_ADM, 0x1D),
    Line(EPSLOCI, "EPSLOCI", "4.2.91", 18, PIN_PIN, 0x1E),
    Line(0x6FE4, "EPSNSC", "4.2.92", 80, PIN_PIN, 0x18, 1),
)
GSM_ACCESS_FILES = (
    Line(0x4F20, "Kc", "4.4.3.1", 9, PIN_PIN, 0x01, content=b"\xff" * 8 + b"\x07"),
    Line(0x4F52, "KcGPRS", "4.4.3.2", 9, PIN_PIN, 0x02, content=b"\xff" * 8 + b"\x07"),
)
USIM_SERVICES = (2, 10, 12, 13, 19, 20, 21, 27, 38, 42, 43, 71, 85)
"""FDN, SMS, SMSP, AoC, SPN, PLMN lists, MSISDN, GSM access and security, EHPLMN, EPS (4.2.8)."""
ISIM_FILES = (
    Line(INNER_ARR, "ARR", "TS 31.103 4.2.6", RULE_SIZE, ADMIN, 0x06, len(RULES)),
    Line(0x6F02, "IMPI", "TS 31.103 4.2.2", 64, PIN_ADM, 0x02),
    Line(0x6F03, "DOMAIN", "TS 31.103 4.2.3", 64, PIN_ADM, 0x05),
    Line(0x6F04, "IMPU", "TS 31.103 4.2.4", 64, PIN_ADM, 0x04, 1),
    Line(AD, "AD", "TS 31.103 4.2.5", 3, ADMIN, 0x03, content=b"\0\0\0"),
    Line(0x6F07, "IST", "TS 31.103 4.2.7", 2, PIN_ADM, 0x07, content=b"\0\0"),
    Line(0x6F09, "P-CSCF", "TS 31.103 4.2.8", 40, PIN_ADM, 0, 1),
)
