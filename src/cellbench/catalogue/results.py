"""Result codes and error numbers (V.250 5.7, 27.007 9.2, 27.005 3.2.5, the maker's additions).

Texts differ between documents in case and in endings: compare numbers, or texts without case.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .model import BOTH, R8_ONLY, ErrorCode, FinalCode, Series, Source
from .sources import guess, r8_error_table, r8_guide, sibling, standard

_V250 = standard("V.250 5.7.1")

FINALS: tuple[FinalCode, ...] = (
    FinalCode("OK", 0, True, _V250),
    FinalCode("NO CARRIER", 3, False, _V250),
    FinalCode("ERROR", 4, False, _V250),
    FinalCode("NO DIALTONE", 6, False, _V250),
    FinalCode("BUSY", 7, False, _V250),
    FinalCode("NO ANSWER", 8, False, _V250),
    FinalCode(
        "ABORTED",
        3000,
        False,
        guess("LARA-R6 remembered; LENA-R8 has none (guide 4.1.3); the number is SARA-R4's Command aborted"),
    ),
)
"""Codes that end a command; +CME ERROR and +CMS ERROR end one too."""

INTERMEDIATES: tuple[FinalCode, ...] = (
    FinalCode("CONNECT", 1, True, r8_guide("5.8: CONNECT intermediate result code")),
    FinalCode("DISCONNECT", 14, True, sibling("SARA-R4 AT commands manual, numeric result codes")),
)
"""Codes between command and end: data mode begins (CONNECT, with or without a rate) or ends."""

ERROR_PREFIXES: tuple[str, ...] = ("+CME ERROR", "+CMS ERROR")

_S = standard("27.007 9.2")
_U = r8_error_table()
_SMS = standard("27.005 3.2.5")
_RP = standard("24.011 8.2.5.4, as 27.005 3.2.5 takes it over")

_CME_STANDARD: Mapping[int, str] = {
    0: "phone failure",
    1: "no connection to phone",
    2: "phone-adaptor link reserved",
    3: "operation not allowed",
    4: "operation not supported",
    5: "PH-SIM PIN required",
    6: "PH-FSIM PIN required",
    7: "PH-FSIM PUK required",
    10: "SIM not inserted",
    11: "SIM PIN required",
    12: "SIM PUK required",
    13: "SIM failure",
    14: "SIM busy",
    15: "SIM wrong",
    16: "incorrect password",
    17: "SIM PIN2 required",
    18: "SIM PUK2 required",
    20: "memory full",
    21: "invalid index",
    22: "not found",
    23: "memory failure",
    24: "text string too long",
    25: "invalid characters in text string",
    26: "dial string too long",
    27: "invalid characters in dial string",
    30: "no network service",
    31: "network timeout",
    32: "network not allowed - emergency calls only",
    40: "network personalization PIN required",
    41: "network personalization PUK required",
    42: "network subset personalization PIN required",
    43: "network subset personalization PUK required",
    44: "service provider personalization PIN required",
    45: "service provider personalization PUK required",
    46: "corporate personalization PIN required",
    47: "corporate personalization PUK required",
    100: "unknown",
    103: "illegal MS",
    106: "illegal ME",
    107: "GPRS services not allowed",
    111: "PLMN not allowed",
    112: "location area not allowed",
    113: "roaming not allowed in this location area",
    132: "service option not supported",
    133: "requested service option not subscribed",
    134: "service option temporarily out of order",
    148: "unspecified GPRS error",
    149: "PDP authentication failure",
    150: "invalid mobile class",
}

_CME_MAKER: Mapping[int, str] = {
    50: "Incorrect parameters",
    51: "Command implemented but currently disabled",
    52: "Command aborted by user",
    53: "Not attached to network due to MT functionality restrictions",
    54: "Modem not allowed - MT restricted to emergency calls only",
    55: "Operation not allowed because of MT functionality restrictions",
    56: "Fixed dial number only allowed - called number is not a fixed dial number",
    57: "Temporarily out of service due to other MT usage",
    108: "GPRS and non-GPRS services not allowed",
    114: "GPRS services not allowed in this PLMN",
    115: "No suitable cells in this location area",
    122: "Congestion",
    125: "Not authorized for this CSG",
    126: "Insufficient resources",
    127: "Missing or unknown APN",
    128: "Unknown PDP address or PDP type",
    129: "User authentication failed",
    130: "Request rejected by the gateway",
    131: "Request rejected, unspecified",
    135: "NSAPI already in use",
    137: "EPS QoS not accepted",
    138: "Network failure",
    140: "Feature not supported",
    143: "Unknown PDP context",
    147: "PTI mismatch",
    153: "ESM information not received",
    154: "PDN connection does not exist",
    155: "Multiple PDN connections for a given APN not allowed",
    156: "User busy",
    159: "Uplink busy",
    160: "Bearer handling not supported",
    165: "Maximum number of EPS bearers reached",
    166: "Requested APN not supported in current RAT and PLMN combination",
    168: "Network failure",
    169: "IMSI unknown in VLR",
    170: "Congestion",
    171: "Last PDN disconnection not allowed",
    178: "Maximum number of PDP contexts reached",
    179: "Requested APN not supported in current RAT and PLMN combination",
    181: "Invalid PTI value",
    255: "Internal error",
    262: "SIM blocked",
    401: "Invalid PLMN list entry",
    408: "Command not successful",
    500: "Unknown error",
    608: "Voice call active",
    701: "Security code incorrect",
    702: "Maximum security code attempts reached",
    1142: "Network Error",
    1143: "Invalid EPS bearer identity",
    1149: "Last PDN disconnection not allowed",
    1243: "EMM error, unspecified",
    1244: "ESM error, unspecified",
    1279: "Number not allowed",
    1283: "CCBS possible",
    1400: "Wrong RAT",
    1500: "GPIO identifier is wrong",
    1501: "Set GPIO default error",
    1502: "Select GPIO mode error",
    1503: "Read GPIO error",
    1504: "Write GPIO error",
    1505: "GPIO busy",
    1520: "Wrong ADC identifier",
    1521: "Read ADC error",
    1530: "IPv4 only allowed",
    1531: "IPv6 only allowed",
    1540: "Wrong ringer identifier",
    1549: "Unknown PDP address or PDP type",
    1550: "GPRS generic operation error",
    1551: "GPRS invalid APN",
    1552: "GPRS authentication failure",
    1553: "GPRS QoS parameters inconsistent",
    1554: "GPRS network failure",
    1555: "GPRS context busy",
    1556: "CSD generic operation error",
    1557: "CSD undefined profile",
    1558: "CSD context busy",
    1559: "PLMN scan not allowed",
    1560: "PDP type IPv4 only allowed",
    1561: "PDP type IPv6 only allowed",
    1600: "FFS error",
    1612: "FILE NOT FOUND",
    1613: "Cannot open file",
    1614: "TAC not allowed",
    1615: "OTP failure",
    1616: "Wrong check digit",
    1620: "Buffer full",
    1621: "FFS initializing",
    1622: "FFS already open file",
    1623: "FFS not open file",
    1624: "FFS file not found",
    1625: "FFS file already created",
    1632: "FFS write error",
    1636: "FFS maximum number of files",
    1637: "FFS memory not available",
    1638: "FFS invalid filename",
    1649: "FFS TIMEOUT",
    1650: "Command line too long",
    1660: "Fixed dial number only allowed - called number is not a fixed dial number",
    1671: "SEC RoT not personalized",
    1672: "SEC connectivity lost",
    1673: "SEC not authorized",
    1678: "SEC timeout",
    1684: "SEC busy",
    1685: "SEC DNS failure",
    1689: "SEC disabled",
    1702: "GPS not allowed while on",
    1703: "GPS not allowed while off",
    1709: "GPS trace server error",
    1711: "GPS invalid value",
    1712: "GPS invalid parameter",
    1713: "GPS busy",
    1804: "Audio resource unavailable",
    1910: "USECMNG import timeout expired (no input for > 20 s)",
    1911: "USECMNG import size over the limit",
    1912: "USECMNG no memory",
    1913: "USECMNG invalid certificate/key format",
    1914: "USECMNG database full",
    1915: "USECMNG database internal error",
    1916: "USECMNG internal name not found",
    1917: "USECMNG internal name already present",
    1918: "USECMNG private key format error",
    1919: "USECMNG MD5 error",
    1920: "USECMNG PEM/DER conversion error",
    1921: "USECMNG certificate date error",
    1922: "USECMNG certificate common name error",
    1950: "CDC-ECM not available",
    1951: "CDC-ECM busy",
    1952: "CDC-ECM no DHCP from the host",
    2000: "Command timeout",
    3000: "Command aborted",
    4000: "APN configuration mismatch",
    4001: "IP type configuration mismatch",
    5000: "FOTA package state or name mismatch",
    5001: "FOTA package data corrupted",
    5002: "FOTA memory in use",
}

_CMS_STANDARD: Mapping[int, str] = {
    300: "ME failure",
    301: "SMS service of ME reserved",
    302: "operation not allowed",
    303: "operation not supported",
    304: "invalid PDU mode parameter",
    305: "invalid text mode parameter",
    310: "SIM not inserted",
    311: "SIM PIN required",
    312: "PH-SIM PIN required",
    313: "SIM failure",
    314: "SIM busy",
    315: "SIM wrong",
    316: "SIM PUK required",
    317: "SIM PIN2 required",
    318: "SIM PUK2 required",
    320: "memory failure",
    321: "invalid memory index",
    322: "memory full",
    330: "SMSC address unknown",
    331: "no network service",
    332: "network timeout",
    340: "no +CNMA acknowledgement expected",
    500: "unknown error",
}

_CMS_NETWORK: Mapping[int, str] = {
    1: "unassigned number",
    8: "operator determined barring",
    10: "call barred",
    21: "short message transfer rejected",
    22: "memory capacity exceeded",
    27: "destination out of service",
    28: "unidentified subscriber",
    29: "facility rejected",
    30: "unknown subscriber",
    38: "network out of order",
    41: "temporary failure",
    42: "congestion",
    47: "resources unavailable, unspecified",
    50: "requested facility not subscribed",
    69: "requested facility not implemented",
    81: "invalid short message transfer reference value",
    95: "invalid message, unspecified",
    96: "invalid mandatory information",
    97: "message type non-existent or not implemented",
    98: "message not compatible with short message protocol state",
    99: "information element non-existent or not implemented",
    111: "protocol error, unspecified",
    127: "interworking, unspecified",
}

_CMS_MAKER: Mapping[int, str] = {
    350: "unassigned number",
    354: "transfer rejected",
    361: "temporary failure",
    362: "congestion",
    373: "interworking, unspecified",
    521: "invalid validity period",
    527: "invalid alphabet",
    538: "network lost",
    539: "transfer pending",
    604: "out of coverage",
    605: "access barred",
    628: "registration failed",
}


def _codes(texts: Mapping[int, str], source: Source, series: frozenset[Series]) -> tuple[ErrorCode, ...]:
    return tuple(ErrorCode(number, text, source, series) for number, text in sorted(texts.items()))


CME: tuple[ErrorCode, ...] = (
    *_codes(_CME_STANDARD, _S, BOTH),
    *_codes(_CME_MAKER, _U, BOTH),
)
"""+CME ERROR. The maker's numbers are LENA-R8's by its own manual; on LARA-R6 they are taken as valid too."""

CMS: tuple[ErrorCode, ...] = (
    *_codes(_CMS_NETWORK, _RP, BOTH),
    *_codes(_CMS_STANDARD, _SMS, BOTH),
    *_codes(_CMS_MAKER, _U, R8_ONLY),
)
"""+CMS ERROR."""


def _tables(codes: tuple[ErrorCode, ...]) -> Mapping[Series, Mapping[int, str]]:
    """Texts by series and number; ValueError for a number given twice on one series."""
    tables: dict[Series, dict[int, str]] = {series: {} for series in Series}
    for code in codes:
        for series in code.series:
            if code.number in tables[series]:
                raise ValueError(f"error {code.number} is given twice for {series.value}")
            tables[series][code.number] = code.text
    return MappingProxyType(tables)


_CME_TEXTS = _tables(CME)
_CMS_TEXTS = _tables(CMS)


def cme_text(number: int, series: Series) -> str:
    """The text of a +CME ERROR number on one series; the number itself when it has none."""
    return _CME_TEXTS[series].get(number, str(number))


def cms_text(number: int, series: Series) -> str:
    """The text of a +CMS ERROR number on one series; the number itself when it has none."""
    return _CMS_TEXTS[series].get(number, str(number))


def cme_number(text: str, series: Series) -> int | None:
    """The number of a +CME ERROR text in any case, None when it is in no list.

    Where two numbers share a text the lower one is taken.
    """
    return _number(_CME_TEXTS[series], text)


def cms_number(text: str, series: Series) -> int | None:
    """The number of a +CMS ERROR text in any case, None when it is in no list."""
    return _number(_CMS_TEXTS[series], text)


def _number(texts: Mapping[int, str], text: str) -> int | None:
    wanted = text.strip().casefold()
    return min((number for number, known in texts.items() if known.casefold() == wanted), default=None)
