"""Where a guide, or the copy of it at hand, is wrong or in doubt, and what is taken as right.

``printed`` is what stands there, ``taken_as`` what suites, host and virtual module go by. With DOUBT
more than one answer may be right: the framework accepts each of them.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from .model import R6_ONLY, R8_ONLY, Series


class ErratumKind(enum.StrEnum):
    """Whose mistake it is."""

    PRINT = "print"  # the guide itself, as far as can be told
    COPY = "copy"  # the text of the copy at hand
    PRINT_OR_COPY = "print or copy"
    DOUBT = "doubt"  # more than one answer may be right


@dataclass(frozen=True, slots=True)
class Erratum:
    """One place: id ("R8-07"), guide ("R8" or "R6"), place in it, what is printed, what is taken as right."""

    id: str
    guide: str
    where: str
    kind: ErratumKind
    printed: str
    taken_as: str
    series: frozenset[Series]


PRINT, COPY, DOUBT = ErratumKind.PRINT, ErratumKind.COPY, ErratumKind.DOUBT
PRINT_OR_COPY = ErratumKind.PRINT_OR_COPY

_Row = tuple[str, ErratumKind, str, str]

_R8: tuple[_Row, ...] = (
    ("3.1", PRINT, "power saving features (+UPSVM)", "+UPSV"),
    ("3.2.5", COPY, "section 8.28.2", "8.2"),
    ("4.2.2 and 13.1", PRINT,
     "commands of several interfaces are serialised; a running command "
     "does not block other interfaces",
     "contradiction: chapter 13 is the newer word for LENA-R8; the framework must work either way"),
    ("T5, T7", PRINT, '"RNDIS + serial ports only", "ECM + serial ports only"',
     "RNDIS (ECM) and serial ports"),
    ("5.5", PRINT, "two figures numbered 6", "second is 7"),
    ("5.7 and documents", PRINT, "3GPP TS 27.010 is cited as [7], listed as [6]", "[6]"),
    ("7.2.2 and 9.2.1", PRINT,
     "impossible to choose the context of an embedded client; +USOCR "
     "has a <cid> parameter, sockets on CID 1 by default",
     "contradiction: take 9.2.1 for sockets, 7.2.2 for the other clients; "
     "DNS and ping follow the last context activated"),
    ("7.2.2", PRINT, 'initial default bearer "CID 1"', "CID 0, as in 7.2.1 and the table"),
    ("T17 row 8", PRINT, "no +CGACT: 0,1 though context 0 is active", "with or without it"),
    ("T15, T17, T20", PRINT, "context 0 without the two zeros that the general syntax has",
     'with or without ",0,0" for context 0'),
    ("T19", PRINT, "brackets of the +CREG and +CEREG syntax do not pair", "nested in order"),
    ("T19 +CNMI, 6.1", PRINT, "stored by AT&W; stored by itself", "by itself"),
    ("T20 +COPS", PRINT, 'RAT is always 7, "LTE Cat-M1"', "7 is LTE (Cat 1bis); 2G has its own number"),
    ("T21", PRINT, "cid other than 1", "other than 0 on LENA-R8"),
    ("T22 rows 1, 2", PRINT,
     "MD5 of 28 and 24 digits; name client_certificate in the answer; "
     "file ca_cert.crt in the description, ca_certificate.crt in the command",
     "32 digits; client_cert; the command's file"),
    ("T24", PRINT, "no port is set for HTTPS though 9.3.1.3 says that 443 is not automatic",
     "set 443 by hand"),
    ("T24 row 2", DOUBT, "+USECMNG: 1 for an import with operation 0", "0 or 1"),
    ("T24 row 2", COPY, "certificate begins MIIEDCC",
     "MIIEIDCC; the printed 1516 bytes and MD5 fit the public certificate with CR LF"),
    ("T24 row 3", PRINT, "expires 2036/07/17", "2036-07-16 23:59:59 UTC; either day"),
    ("T24 row 6", COPY, "space inside the host name", "none"),
    ("T25", COPY, '"<IP_type>e]" in the syntax', "without the letter"),
    ("T30, T31", COPY, "AT+UHTTTP(C), +UUHTTPCPC, +UUHTTTPCR, .ffi, .fff", "AT+UHTTP(C), +UUHTTPCR, .ffs"),
    ("T30 row 12", PRINT, "space before /basic-auth", "none"),
    ("T31 row 8", PRINT, "stray quote after OK", "none"),
    ("T34 rows 1-4, T35 row 1", PRINT_OR_COPY, 'AT+UFTPC=1,"ftp.u-blox.com" ...', "AT+UFTP="),
    ("T34 row 8", COPY, 'offset "2 50"', "250"),
    ("T36 caption", PRINT, "FP secure option", "FTP"),
    ("T39 row 2", PRINT, '"module/light"', '"module/lights"'),
    ("T43 row 1", PRINT, "three numbers before the topic", "four: QoS, retain, hexadecimal, topic type"),
    ("T43 row 2", PRINT, "AT+UMQTTSN=9,1 and +UMQTTSN: 9", "+UMQTTSNC"),
    ("T43 row 2", DOUBT, "QoS 1 in the read of a QoS 0 message", "0 or 1"),
    ("T45 row 4, 5", COPY, "space in the data; 31 digits", "22 F; 32 digits, ...FFFFFF17"),
    ("T46 row 1", DOUBT, "6C01 without quotes", "with or without"),
    ("T47, 11.3", PRINT, "ResearDownload, ResearchDownload, ResearchDownloadUsb", "one tool"),
    ("11.2.1.1.3", PRINT, '"Error! Reference source not found"', "Table 49"),
    ("11.2.1.2", PRINT, "see section 6 for the installation", "11.2.2"),
    ("T48", DOUBT, "+UFWINSTALL: 128 ends a +UFWUPD update; +UFWINSTALL named as what starts it",
     "+UFWUPD or +UFWINSTALL"),
    ("T48, T52", PRINT, "128 after the boot in one, before it in the other", "either order"),
    ("T50", COPY, "AT+UHTTFC, AT+UHHTPC, +UUHTTFCR", "AT+UHTTPC, +UUHTTPCR"),
    ("T51 row 1", PRINT, 'deletion without the "FOAT" tag', "a file is there under either tag"),
    ("T54", PRINT, "+CNMPD, +VZWRSPR", "+CNMPSD, +VZWRSRP"),
    ("T54", PRINT, '"see 0" twice', "5.8.2 and 7.2.2"),
    ("T19 +CNMI", PRINT, "AT+CPSM?", "AT+CPMS?"),
    ("T54", PRINT, "+UURCONF, +UARTCONF", "+UURCCONF, +UUARTCONF"),
    ("11.2.1.2.2", PRINT_OR_COPY, "+UHHTPC in the heading and the text", "+UHTTPC"),
    ("9.1.2", DOUBT, "an expected host name for validation level 1, which the table calls one without URL "
     "integrity check",
     "a host name is compared from level 2 on; set at level 1 it is kept and harms nothing"),
    ("5.8.2, 9.3.2.2.4", DOUBT,
     "2 s of silence before +++ since data was sent or received; since all data was transmitted",
     "the host keeps silence both ways for PPP; the virtual module counts what the host sends"),
    ("9.3.2.2.4", DOUBT,
     "+++ is detected in a single separate frame of 3 bytes; up to 500 ms may lie between the characters",
     "the host sends it in one piece; pieces with short gaps are taken by the virtual module"),
    ("11.1.1, T48", DOUBT,
     "CRC for data that is sent while C is coming; for data sent earlier than the third C",
     "the virtual module takes CRC until the first NAK; a host starts on the first C"),
    ("11.1.1, T48", PRINT, "+UFWPREVAL, +UFWUPD called URC, IRC; their numbers printed without a blank",
     "URCs; with or without a blank behind the colon"),
    ("5.2.3, T6", PRINT, "CDC Ethernet Control Mode", "Ethernet Control Model (USB CDC 1.2)"),
    ("T10, T11", PRINT, "the ECM module's router or bridge mode", "of RNDIS as well, by 5.5"),
    ("T18 row 3", DOUBT, "CONNECT in answer to ATA of a voice call, which in V.250 begins data mode",
     "a final result code; the port stays in command mode"),
)

_R6: tuple[_Row, ...] = (
    ("2.3.1 LTE", PRINT, "address 10.40.50.500", "any IPv4 address"),
    ("2.3.1 LTE", COPY, '"apn_n ... Tame", zeros scattered', '"apn_name", six zeros'),
    ("2.3.1, 4.1.3", PRINT, "six zeros, four zeros after the address", "four to six"),
    ("2.3.1, 4", PRINT, 'AT+CGDCONTRDP, "AT+ CGCONTRDP"', "AT+CGCONTRDP"),
    ("3.1 rows 1, 2", PRINT, "MD5 of 28 and 24 digits", "32"),
    ("3.3 row 2", DOUBT, "+USECMNG: 1 for operation 0", "0 or 1"),
    ("3.4.4", PRINT, "+USECMGN in the preparation rows", "+USECMNG"),
    ("3.4.4", COPY, "tag-like remains of <profile_id> and the like, all six sections",
     "placeholders, filled with profile 2 and HTTP profile 0"),
    ("3.4.4.5 phase 2 step 4", COPY, 'size, ">", data', "command with the size, prompt, data"),
    ("3.4.4.6 phase 2 step 4", COPY, 'left half cut off; ",13,15,<" and "ze>" remain',
     "as 3.4.4.5: the rest of the second line fits a lone size"),
    ("3.4.4.5 phase 2", PRINT, "the status URC is called a type", "status"),
    ("4", PRINT, '"negation" steps', "negotiation"),
    ("4.3.1", PRINT,
     "port 6167 in the text, 6176 in the traces; destination port "
     '"independent of" the range',
     "6176; inside the range"),
    ("5.5", COPY, "spaces in the data, an extra quote line", "none; lengths 10, 34, 25 then fit"),
    ("5.6 row 2", PRINT, "+USOCR: 0,12000 where all others give the socket alone", "as printed"),
    ("5.7 rows 4, 6", PRINT, "length 2 for ten bytes", "10"),
    ("6.1.1, 7.1.1, 8.2.2", COPY, "some lines twice", "once"),
    ("6.3 row 2", PRINT, '"module/light"', '"module/lights"'),
    ("6.5 row 2", PRINT, '"u-blox/special"', '"module/special"'),
    ("6.5 row 5", PRINT, "+UUMQTTC: 2,1 for operation 9", "as printed"),
    ("6.6 row 5", COPY, "the URC in the command column too", "URC"),
    ("7.1.3", PRINT, "port 1883 in the stored profile, 10000 set in 7.1.1", "either"),
    ("7.1.3", COPY, "AT+UMOTTSN?", "AT+UMQTTSN?"),
    ("7.3, 7.7", PRINT, "third number called granted QoS; it is 2 for a short topic with QoS 0",
     "as printed: it is the topic type"),
    ("7.4 row 4", DOUBT, "QoS 1 in the read of a QoS 0 message", "0 or 1"),
    ("7.7 row 3", COPY, 'message "tes +"', "test"),
    ("7.8 row 10", PRINT_OR_COPY, "UMQTTSNC without its plus sign", "+UMQTTSNC"),
    ("7.10 row 4", PRINT, "+UMQTTSNC: 1,1 as URC", "+UUMQTTSNC: 1,1"),
    ("7.11, 7.12.3", COPY, "hyphens lost in the placeholder identities; space in the host name",
     "as in the LENA-R8 guide; none"),
    ("8.2.2", PRINT, "OPT_MASK 7 after four options were set", "any number"),
    ("8.5.2, 8.5.3", COPY, "ten bytes lost; slashes for sevens", "the text of 8.3.4"),
    ("9 rows 17, 28", COPY, 'AT+UFTPC=8,""', 'AT+UFTPC=8,".."'),
    ("9.1.1 row 9", COPY, "offset 2", "250"),
    ("10.1 row 16", PRINT, "space before /basic-auth", "none"),
    ("10.1 row 16", COPY, '"get_uth.ffs"', '"get_auth.ffs"'),
    ("10.2", PRINT, "httbin.org in a description; stray quote after OK", "httpbin.org; none"),
    ("10.3 row 3", PRINT, "+UFTPER: 1,0,0; profile 1 asked after a request on profile 0",
     "+UHTTPER: 1,0,0"),
    ("Glossary", PRINT, "CUT", "UTC"),
    ("2.3.1, verification", DOUBT,
     "AT+UMNOPROF=100 gives OK; the test of the public driver sees "
     "it refused",
     "as printed; refused is no failure of the unit"),
    ("7.8", PRINT, "the connection duration stays 0: no gateway then ever holds the first module for lost",
     "AT+UMQTTSN=8,<seconds> before the session"),
    ("7.12.1", PRINT, "MD5 of six digits", "32"),
    ("8.3.3 rows 2, 3", DOUBT, "the answer to the second block names its number and size, that to the first "
     "neither", "as printed"),
    ("3.2", DOUBT, "an expected host name for validation level 1, which the table calls one without URL "
     "integrity check",
     "a host name is compared from level 2 on; set at level 1 it is kept and harms nothing"),
    ("3.5", DOUBT, "the server's certificate is to be flagged as CA, which servers' certificates are not",
     "a certificate that is imported as root is flagged; any other serves as none"),
    ("4", PRINT, "the steps of PPP's negotiation are described in RFC 1662",
     "in RFC 1661; 1662 has the frames"),
    ("4.2", DOUBT, '"+++" and a DTR drop are named among the events that end a PPP session; ATH in online '
     "command mode, which they lead to, is what ends it below",
     "+++ leads to online command mode; a DTR drop does what &D says"),
    ("9.1.4", DOUBT,
     "+++ is detected in a single separate frame of 3 bytes; up to 500 ms may lie between the characters",
     "the host sends it in one piece; pieces with short gaps are taken by the virtual module"),
)


def _errata(guide: str, series: frozenset[Series], rows: Iterable[_Row]) -> tuple[Erratum, ...]:
    return tuple(Erratum(f"{guide}-{number:02d}", guide, where, kind, printed, taken_as, series)
                 for number, (where, kind, printed, taken_as) in enumerate(rows, start=1))


ERRATA: tuple[Erratum, ...] = (*_errata("R8", R8_ONLY, _R8), *_errata("R6", R6_ONLY, _R6))
"""All errata in the order of the guides; an entry is only ever added at the end of its guide's list."""


def errata_for(series: Series) -> tuple[Erratum, ...]:
    """The errata of one series' guide."""
    return tuple(one for one in ERRATA if series in one.series)
