"""The sections of both guides: what there is to test, by number.

Titles are those of the headings; numbers come from the tables of contents and, for the parts that these
leave out, from the headings. A section's id is "R8:" or "R6:" and its number; the parts of LARA-R6 2.3.1
that have headings without numbers are "R6:2.3.1/verify", "R6:2.3.1/lte" and "R6:2.3.1/legacy".
"""

from __future__ import annotations

import difflib
import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cellbench.base.errors import OperatorError

from .model import R6_ONLY, R8_ONLY, Series

R8_GUIDE = "LENA-R8 series application development guide, UBX-22038374 R01"
R6_GUIDE = "LARA-R6 series internet applications development guide, UBX-22001854 R02"


class SectionKind(enum.StrEnum):
    """What a section asks of a test."""

    PROCEDURE = "procedure"  # steps to carry out
    RULE = "rule"  # statements to check
    REFERENCE = "reference"  # nothing to test: headings alone, introductions, pointers to other documents


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a guide; ``series`` are those it speaks of, ``elsewhere`` what it leaves to another
    document."""

    id: str
    guide: str
    number: str
    title: str
    series: frozenset[Series]
    kind: SectionKind
    elsewhere: str = ""

    @property
    def parent(self) -> str | None:
        """The id of the section above, None at the top."""
        for separator in ("/", "."):
            head, found, _ = self.id.rpartition(separator)
            if found:
                return head
        return None


P, R, X = SectionKind.PROCEDURE, SectionKind.RULE, SectionKind.REFERENCE

_R8: tuple[tuple[str, str, SectionKind], ...] = (
    ("1", "Introduction", X),
    ("2", "Cellular technology overview", X),
    ("2.1", "LTE Cat 1bis", X),
    ("3", "Application design and development", X),
    ("3.1", "Initial design decisions", R),
    ("3.2", "Application stages", X),
    ("3.2.1", "Persistent configurations", R),
    ("3.2.2", "Power on/boot", R),
    ("3.2.3", "Network registration", R),
    ("3.2.4", "IP acquisition", R),
    ("3.2.5", "Core application", R),
    ("3.2.6", "Power-off", R),
    ("3.3", "Application modes", X),
    ("3.3.1", "Debug / test mode", R),
    ("3.3.2", "Production testing", R),
    ("3.3.3", "Certification mode", R),
    ("3.3.4", "Firmware update mode", R),
    ("4", "AT commands response parser", X),
    ("4.1", "AT command response description", X),
    ("4.1.1", "Echo", R),
    ("4.1.2", "Information text response", R),
    ("4.1.3", "Final result code", R),
    ("4.1.4", "Unsolicited Result Code", R),
    ("4.1.5", "Response time", R),
    ("4.2", "Guidelines for robust AT parser", X),
    ("4.2.1", "Basic recommendations", R),
    ("4.2.2", "Multiple AT interfaces", R),
    ("4.3", "Operational modes of the AT interface", R),
    ("5", "Local connectivity", X),
    ("5.1", "Serial interface configuration", R),
    ("5.2", "USB mode", X),
    ("5.2.1", "USB Serial ports only", R),
    ("5.2.1.1", "Activation procedure", P),
    ("5.2.2", "RNDIS and serials", R),
    ("5.2.2.1", "Activation procedure", P),
    ("5.2.3", "ECM and serials", R),
    ("5.2.3.1", "Activation procedure", P),
    ("5.2.4", "USB firmware update mode", R),
    ("5.3", "AT interface on UART", R),
    ("5.3.1", "Set a fixed baud rate", P),
    ("5.4", "AT interface on USB", R),
    ("5.5", "USB network modes", R),
    ("5.5.1", "Bridge mode", R),
    ("5.5.1.1", "Set the module to bridge mode", P),
    ("5.5.2", "Router mode", R),
    ("5.5.2.1", "Set the module to router mode", P),
    ("5.6", "Power saving", R),
    ("5.6.1", "USB interface", R),
    ("5.6.2", "UART interface", R),
    ("5.7", "Multiplexer (MUX)", R),
    ("5.8", "Point-to-point protocol (PPP)", R),
    ("5.8.1", "Basic setup", P),
    ("5.8.2", "Swap between Data mode and OnLine Command Mode", P),
    ("6", "User settings persistence", X),
    ("6.1", "Save user settings", R),
    ("6.2", "Restore factory configuration", P),
    ("7", "Cellular modem services", X),
    ("7.1", "Network registration", R),
    ("7.1.1", "Band selection", P),
    ("7.2", "Network attach and PDN connections", X),
    ("7.2.1", "Initial default bearer", P),
    ("7.2.1.1", "Change anchor APN", P),
    ("7.2.2", "Additional bearers", P),
    ("7.3", "Voice and data services", R),
    ("7.3.1", "Voice calls", P),
    ("7.4", "Mobility scenarios", R),
    ("8", "Monitoring module status", X),
    ("8.1", "Retrieve and interpret diagnostic information", R),
    ("8.1.1", "Diagnostic information via URCs", P),
    ("8.1.2", "Diagnostic information via polling", P),
    ("8.2", "Full-stack watchdog: how to react to unexpected conditions", P),
    ("9", "Internet protocols", X),
    ("9.1", "Data security", X),
    ("9.1.1", "Certificates manager +USECMNG", P),
    ("9.1.2", "Profile configuration +USECPRF", P),
    ("9.1.2.1", "Cipher suites", R),
    ("9.1.3", "Complete example", P),
    ("9.1.4", "Troubleshooting secure connection", R),
    ("9.2", "TCP/UDP internal stack", R),
    ("9.2.1", "Socket connect", P),
    ("9.2.2", "Socket listening", P),
    ("9.2.3", "Socket write (+USOWR)", P),
    ("9.2.4", "Socket read (+USORD)", P),
    ("9.2.5", "Socket close", P),
    ("9.3", "Internet clients", R),
    ("9.3.1", "HTTP", X),
    ("9.3.1.1", "Default and minimal configuration", P),
    ("9.3.1.2", "HTTP POST", P),
    ("9.3.1.3", "Secure HTTP (HTTPS)", P),
    ("9.3.2", "FTP", X),
    ("9.3.2.1", "Default and minimal configuration", P),
    ("9.3.2.2", "Direct link", X),
    ("9.3.2.2.1", "Retrieve a file from FTP server", P),
    ("9.3.2.2.2", "Aborting retrieve file request", P),
    ("9.3.2.2.3", "Store a file on FTP server", P),
    ("9.3.2.2.4", 'About "+++" escape sequence usage', R),
    ("9.3.2.3", "Using secure option", P),
    ("9.3.3", "MQTT", X),
    ("9.3.3.1", "Default and minimal configuration", P),
    ("9.3.3.2", "Start and end a MQTT session", P),
    ("9.3.3.3", "Subscribe to a topic and publish a message to the same topic", P),
    ("9.3.3.4", "Secure MQTT", P),
    ("9.3.4", "MQTT-SN", X),
    ("9.3.4.1", "Default and minimal configuration", P),
    ("9.3.4.2", "Subscribe to a normal topic", P),
    ("9.3.4.3", "Publish and read a message to a topic", P),
    ("9.3.4.4", "MQTT Anywhere", P),
    ("10", "SIM", X),
    ("10.1", "SIM architecture and behavior", X),
    ("10.1.1", "SIM card and SIM profiles", R),
    ("10.1.2", "eSIM/eUICC and remote SIM provisioning", R),
    ("10.1.3", "SIM subscription", R),
    ("10.2", "SIM communication", R),
    ("10.2.1", "Commands for restricted access", P),
    ("10.2.2", "Commands for generic access", R),
    ("10.2.3", "SIM logical channels", R),
    ("10.2.3.1", "Basic logical channel", R),
    ("10.2.3.2", "Supplementary logical channels", P),
    ("11", "FW update", R),
    ("11.1", "Firmware update Over AT (FOAT)", R),
    ("11.1.1", "FOAT via +UFWUPD AT command", P),
    ("11.2", "Firmware Over The Air (FOTA)", R),
    ("11.2.1", "Firmware download", X),
    ("11.2.1.1", "Firmware download via FTP", R),
    ("11.2.1.1.1", "FTP service configuration +UFTP", R),
    ("11.2.1.1.2", "FTP command +UFTPC", R),
    ("11.2.1.1.3", "Firmware download via FTP example", P),
    ("11.2.1.2", "Firmware download via HTTP", R),
    ("11.2.1.2.1", "HTTP profile configuration +UHTTP", R),
    ("11.2.1.2.2", "HTTP command +UHTTPC", R),
    ("11.2.1.2.3", "Firmware download via HTTP example", P),
    ("11.2.1.3", "Firmware download via serial interface", R),
    ("11.2.1.3.1", "Firmware download via serial interface example", P),
    ("11.2.2", "Firmware validation and installation +UFWINSTALL", P),
    ("11.3", "Flashing", R),
    ("11.3.1", "System setup", X),
    ("11.3.1.1", "USB drivers for flashing", X),
    ("11.3.1.1.1", "Installation instructions", P),
    ("11.3.1.2", "Software tool", X),
    ("11.3.2", "Short instructions", P),
    ("11.4", "Impact to device files and settings", R),
    ("12", "OEM production testing", R),
    ("13", "Migration guides", X),
    ("13.1", "LARA-R6 series to LENA-R8 series", R),
    ("A", "Glossary", X),
)

_R6: tuple[tuple[str, str, SectionKind], ...] = (
    ("1", "Introduction", X),
    ("2", "PS data connection", R),
    ("2.1", "PDP contexts", R),
    ("2.2", "MTU configuration", X),
    ("2.2.1", "MTU in IPv4", R),
    ("2.2.2", "MTU in IPv6", R),
    ("2.3", "Socket and PDP context activation", R),
    ("2.3.1", "Default PDP and preferred protocol type configuration", P),
    ("2.3.1/verify", "Network settings verification", P),
    ("2.3.1/lte", "Check network registration: LTE radio access technology", P),
    ("2.3.1/legacy", "Check network registration: GSM/GPRS and UMTS/HSPA radio access technologies", P),
    ("2.4", "Other relevant AT commands", X),
    ("2.4.1", "UPING", P),
    ("2.4.2", "DNS resolution", P),
    ("2.4.2.1", "Override DNS configuration", P),
    ("2.5", "IPv4 Translation for T-Mobile US IPv6 data connection", P),
    ("3", "Data security", X),
    ("3.1", "Certificates manager +USECMNG", P),
    ("3.2", "Profile configuration +USECPRF", P),
    ("3.2.1", "Cipher suites", R),
    ("3.2.1.1", "TLS 1.3 cipher suites", R),
    ("3.3", "Complete example", P),
    ("3.4", "(D)TLS session resumption", R),
    ("3.4.1", "Session resumption with session ID", R),
    ("3.4.2", "Session resumption with session ticket", R),
    ("3.4.3", "Session resumption with PSK-based session ticket", R),
    ("3.4.4", "(D)TLS session resumption examples", X),
    ("3.4.4.1", "Session resumption with session ID not encrypted", P),
    ("3.4.4.2", "Session resumption with session ID encrypted with local encryption", P),
    ("3.4.4.3", "Session resumption with session ticket not encrypted", P),
    ("3.4.4.4", "Session resumption with session ticket encrypted with local encryption", P),
    ("3.4.4.5", "Session resumption with PSK-based session ticket not encrypted", P),
    ("3.4.4.6", "Session resumption with PSK-based session ticket encrypted with local encryption", P),
    ("3.5", "Troubleshooting secure connection", R),
    ("4", "Dial-up network (PPP)", R),
    ("4.1", "Basic setup", P),
    ("4.1.1", "Dial-up configuration", R),
    ("4.1.2", "PPP and IPv6", R),
    ("4.1.3", "PPP over multiple PDP contexts", P),
    ("4.2", "Terminate cellular packet data connection", R),
    ("4.3", "Port filtering feature for embedded IP applications", R),
    ("4.3.1", "Example: +UEMBPF with PPP & LwM2M client handling", P),
    ("4.3.2", "+UEMBPF not configured", R),
    ("5", "TCP/UDP internal stack", R),
    ("5.1", "Socket connect", P),
    ("5.2", "Socket listening", P),
    ("5.3", "Socket write (+USOWR)", X),
    ("5.3.1", "Binary mode", P),
    ("5.3.2", "Base syntax", P),
    ("5.3.3", "Queue FULL", P),
    ("5.4", 'Socket operations with "Keep Alive" option', P),
    ("5.5", "Socket read (+USORD)", P),
    ("5.6", "Socket write (+USOST)", P),
    ("5.7", "Socket read (+USORF)", P),
    ("5.8", "Socket state", P),
    ("5.9", "Socket close", P),
    ("5.10", "Testing sockets", P),
    ("5.11", "Secure socket", R),
    ("6", "MQTT", R),
    ("6.1", "Basic setup", X),
    ("6.1.1", "Default and minimal configuration", P),
    ("6.1.2", "Last will configuration", P),
    ("6.1.3", "Profile management", P),
    ("6.1.4", "Internal PDP context mapping", P),
    ("6.2", "Start and end a MQTT session", P),
    ("6.3", "Subscribe to a topic and publish a message to the same topic", P),
    ("6.4", "Publish a message with hexadecimal mode set", P),
    ("6.5", "Publish a binary message to a topic", P),
    ("6.6", "Ping the MQTT broker", P),
    ("6.7", "Last will packet", P),
    ("6.8", "Debug", P),
    ("6.9", "Secure MQTT", P),
    ("7", "MQTT-SN", R),
    ("7.1", "Basic setup", X),
    ("7.1.1", "Default and minimal configuration", P),
    ("7.1.2", "Last will configuration", P),
    ("7.1.3", "Profile management", P),
    ("7.1.4", "Internal PDP context mapping", P),
    ("7.2", "Start and end a MQTT-SN session", P),
    ("7.3", "Subscribe to a normal topic", P),
    ("7.4", "Publish and read a message to a topic", P),
    ("7.5", "Unsubscribe from a normal topic", P),
    ("7.6", "Register to a topic and publish a message to the same topic", P),
    ("7.7", "Subscribe to a short topic name and publish a message to the same topic", P),
    ("7.8", "Last will", P),
    ("7.9", "Error handling", P),
    ("7.10", "Secure MQTT-SN", P),
    ("7.11", "MQTT Anywhere", P),
    ("7.12", "MQTT Flex", R),
    ("7.12.1", "Specify the client key and certificate to be used", P),
    ("7.12.2", "Configure the DTLS security profile", P),
    ("7.12.3", "Configure the MQTT-SN client", P),
    ("8", "CoAP", R),
    ("8.1", "Good practices on writing CoAP application", R),
    ("8.2", "Basic setup", R),
    ("8.2.1", "Current configuration", P),
    ("8.2.2", "Profile management", P),
    ("8.2.3", "Internal PDP context mapping", P),
    ("8.3", "Basic operation", X),
    ("8.3.1", "GET", P),
    ("8.3.2", "PUT/POST", P),
    ("8.3.3", "Block transfer", P),
    ("8.3.4", "TCP connection", P),
    ("8.4", "Error handling", X),
    ("8.4.1", "Configuration error", P),
    ("8.4.2", "Error on server reply", P),
    ("8.5", "Secure connection", X),
    ("8.5.1", "Basic configuration", P),
    ("8.5.2", "DTLS connection", P),
    ("8.5.3", "TLS connection", P),
    ("9", "FTP", P),
    ("9.1", "Direct link", X),
    ("9.1.1", "Retrieve a file from FTP server", P),
    ("9.1.2", "Aborting retrieve file request", P),
    ("9.1.3", "Store a file on FTP server", P),
    ("9.1.4", 'About "+++" escape sequence use', R),
    ("9.2", "Using secure option", P),
    ("9.3", "Error handling", P),
    ("10", "HTTP", R),
    ("10.1", "Basic setup", P),
    ("10.2", "HTTP POST", P),
    ("10.3", "Error handling", P),
    ("10.4", "Secure HTTP", P),
    ("11", "LwM2M", R),
    ("A", "Glossary", X),
)

_ELSEWHERE: Mapping[str, str] = MappingProxyType({
    "R8:12": "all of it: LENA-R8 production and prototype testing guidelines, UBX-22040091",
    "R6:11": "beyond the registration: LwM2M objects and commands application note, UBX-18068860",
})
"""What a section leaves to another document, and to which."""

SECTIONS: tuple[Section, ...] = (
    *(Section(f"R8:{number}", R8_GUIDE, number, title, R8_ONLY, kind, _ELSEWHERE.get(f"R8:{number}", ""))
      for number, title, kind in _R8),
    *(Section(f"R6:{number}", R6_GUIDE, number, title, R6_ONLY, kind, _ELSEWHERE.get(f"R6:{number}", ""))
      for number, title, kind in _R6),
)
"""All sections of both guides, in print order."""


def _index() -> Mapping[str, Section]:
    """Sections by id; ValueError for an id given twice."""
    table: dict[str, Section] = {}
    for one in SECTIONS:
        if one.id in table:
            raise ValueError(f"section {one.id} is given twice")
        table[one.id] = one
    return MappingProxyType(table)


_BY_ID = _index()


def section(section_id: str) -> Section:
    """The section of an id ("R8:9.2.1"); OperatorError with the nearest ids when there is none."""
    found = _BY_ID.get(section_id)
    if found is None:
        near = difflib.get_close_matches(section_id, _BY_ID, n=3, cutoff=0.5)
        raise OperatorError(f"no guide has a section {section_id!r}",
                            remedy=f"near it are {', '.join(near)}" if near else "ids look like R8:9.2.1")
    return found


def parts_of(section_id: str) -> tuple[Section, ...]:
    """The sections under one, at any depth, in print order."""
    section(section_id)
    return tuple(one for one in SECTIONS
                 if one.id.startswith((f"{section_id}.", f"{section_id}/")))


def parse_section_ids(text: str) -> tuple[str, ...]:
    """Ids out of a list people write: "R8:3.1, 3.2.1 to 3.2.6; R6:5".

    Commas, semicolons or blanks stand between; a number without a guide belongs to the guide of the one
    before; "A to B" takes in every section from A to B in print order that is as deep as A. OperatorError
    for a section that no guide has.
    """
    ids: list[str] = []
    guide = ""
    pending_range = False
    for word in text.replace(",", " ").replace(";", " ").split():
        if word == "to":
            pending_range = bool(ids)
            continue
        prefix, colon, number = word.rpartition(":")
        guide = prefix if colon else guide
        name = section(f"{guide}:{number}").id
        if pending_range:
            ids.extend(_between(ids[-1], name))
            pending_range = False
        ids.append(name)
    return tuple(dict.fromkeys(ids))


def _between(first: str, last: str) -> list[str]:
    depth = first.count(".")
    order = [one.id for one in SECTIONS]
    start, end = order.index(first), order.index(last)
    return [name for name in order[start + 1:end] if name.count(".") == depth and "/" not in name]
