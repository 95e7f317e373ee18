"""From LARA-R6 to LENA-R8: every row of LENA-R8 guide 13.1, Table 54, as data that procedures check.

A side is what the table prints of one series and how a module shows it: commands that are answered or refused
(all of them read, test, or change nothing), something that a procedure provokes, or why nothing can be seen.
``taken`` of an erratum goes before what is printed. A row's ``change`` is what it asks of a host's code.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cellbench.base.errors import OperatorError

from .model import Series, Source
from .sources import driver, guess, r6_app_note, r8_guide, sibling


class Expect(enum.StrEnum):
    """What becomes of a command."""

    ANSWERED = "answered"
    REFUSED = "refused"


class Change(enum.StrEnum):
    """What a row means for a host's code."""

    GONE = "command gone"
    OTHER_COMMAND = "another command"
    OTHER_SYNTAX = "other syntax"
    OTHER_VALUES = "other values"
    OTHER_URC = "other URC"
    OTHER_DEFAULT = "other default"
    OTHER_BEHAVIOUR = "other behaviour"
    NEW = "new"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Ask:
    """A command and what becomes of it. ``holds``: regular expression that the answer's information contains.
    What has ``decides`` False shows something when it is answered and nothing when it is not: no document
    prints this form."""

    line: str
    expect: Expect = Expect.ANSWERED
    holds: str = ""
    decides: bool = True

    @property
    def refused(self) -> bool:
        """True when a module that takes the command is wrong."""
        return self.expect is Expect.REFUSED

    @property
    def words(self) -> str:
        """The check in words."""
        shown = f", with {self.holds}" if self.holds else ""
        return f"{self.line} is {self.expect.value}{shown}" if self.decides else f"{self.line} is asked"


@dataclass(frozen=True, slots=True)
class Side:
    """One series in one row: the cell as printed; commands that show it; what a procedure provokes beside
    them; or why a module cannot show it. An empty cell has nothing to check."""

    printed: str
    asks: tuple[Ask, ...] = ()
    provoked: str = ""
    unseen: str = ""

    @property
    def check(self) -> str:
        """How it is checked, in words."""
        if self.unseen:
            return f"not possible: {self.unseen}"
        parts = [one.words for one in self.asks] + ([self.provoked] if self.provoked else [])
        return "; ".join(parts) or "nothing is printed"


SOURCE = r8_guide("13.1, Table 54")
"""Where every row stands."""


@dataclass(frozen=True, slots=True)
class MigrationRow:
    """One row of Table 54.

    ``before`` and ``after`` are lines of a host's code for LARA-R6 and for LENA-R8; ``code_source`` says
    where those forms come from when the table does not give them. ``errata``: ids of catalogue.errata.
    ``search``: regular expression that finds the places in a host's code, "" when no text shows them.
    """

    id: str
    topic: str
    lara_r6: Side
    lena_r8: Side
    changes: tuple[Change, ...]
    change: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    code_source: Source | None = None
    errata: tuple[str, ...] = ()
    search: str = ""

    def side(self, series: Series) -> Side:
        """What the row says of a series."""
        return {Series.LARA_R6: self.lara_r6, Series.LENA_R8: self.lena_r8}[series]


def _answered(*lines: str) -> tuple[Ask, ...]:
    return tuple(Ask(line) for line in lines)


def _refused(*lines: str) -> tuple[Ask, ...]:
    return tuple(Ask(line, Expect.REFUSED) for line in lines)


def _told(*lines: str) -> tuple[Ask, ...]:
    return tuple(Ask(line, decides=False) for line in lines)


def _gone(*lines: str) -> Side:
    return Side("n/a", _refused(*lines))


_NO_COMMAND = "no AT command at hand tells the 3GPP release"

MIGRATION: tuple[MigrationRow, ...] = (
    MigrationRow(
        "3gpp-release", "3GPP Release",
        Side("Rel. 10 for LTE", unseen=_NO_COMMAND), Side("Release 13 LTE", unseen=_NO_COMMAND),
        (Change.NOTHING,), "Nothing in the host's code; certification is another product's."),
    MigrationRow(
        "peripherals", "Local connectivity peripherals",
        Side("+USIO, +UARTCONF", (*_answered("AT+USIO?"), *_told("AT+USIO=?", "AT+UUARTCONF?"))),
        _gone("AT+USIO?", "AT+USIO=?", "AT+UUARTCONF?"),
        (Change.GONE, Change.OTHER_COMMAND),
        "Remove +USIO. UART and USB are there at once; what USB shows is chosen by +SYSNV and in force after "
        "a reboot.",
        ("AT+USIO=<variant>",), ('AT+SYSNV=1,"usbmode",2',), r8_guide("5.2.1, Table 2"), ("R8-44",),
        search=r"\+USIO\b"),
    MigrationRow(
        "aux-uart", "+UARTCONF",
        Side("Available for AUX UART configuration", _told("AT+UUARTCONF?", "AT+UUARTCONF=?")),
        _gone("AT+UUARTCONF?", "AT+UUARTCONF=?", "AT+UARTCONF?"),
        (Change.GONE,), "No auxiliary UART can be configured: what used it moves to USB or to a channel of "
        "the multiplexer.",
        ("AT+UUARTCONF=1,<rate>,<flow>",), ("AT+CMUX=0",), r8_guide("5.7"), ("R8-44",),
        search=r"\+UU?ARTCONF\b"),
    MigrationRow(
        "execution", "AT command execution and URC",
        Side("AT command processing blocked if AT command ongoing on a different interface, URC issues on "
             "all ports (+UURCONF to configure)", _answered("AT+UURCCONF?"),
             "a network scan on one interface holds up a command on another"),
        Side("AT commands ongoing on one interface does not block other AT interfaces.",
             _refused("AT+UURCCONF?", "AT+UURCCONF=?"),
             "a command beside a network scan is answered, at once or in its turn (4.2.2 says the opposite)"),
        (Change.OTHER_BEHAVIOUR, Change.GONE, Change.OTHER_URC),
        "Remove +UURCCONF: no command chooses the ports of URCs, so read or drain every port that is open. "
        "Commands of two interfaces may run at once: what relied on the module to put them in order needs a "
        "lock in the host.",
        ("AT+UURCCONF=1",), (), r6_app_note("+UURCCONF"), ("R8-03", "R8-44"),
        search=r"\+UURCCONF\b"),
    MigrationRow(
        "cfun", "+CFUN syntax",
        Side("+CFUN=19 allows to disable UICC driver", (Ask("AT+CFUN=?", holds=r"\b19\b"),),
             "after +CFUN=19 the SIM is away, after +CFUN=1 it is there"),
        Side("In +CFUN: 0, AT+COPS=0 AT command forces the modem in +CFUN: 1 status.",
             _refused("AT+CFUN=19"), "+CFUN=0, then +COPS=0: +CFUN? tells 1"),
        (Change.OTHER_VALUES, Change.OTHER_BEHAVIOUR),
        "+CFUN=19 is gone: use +CFUN=0 or 4. Send no +COPS=0 while the radio is meant to be off: it switches "
        "the radio on.",
        ("AT+CFUN=19",), ("AT+CFUN=0",),
        search=r"\+CFUN=(19\b|%|\{)"),
    MigrationRow(
        "uauthreq", "+UAUTHREQ authentication parameters configuration",
        Side("AT+UAUTHREQ=...<password>,<username>",
             provoked="the network is told the user that was given last"),
        Side("AT+UAUTHREQ=...<username>,<password>",
             provoked="the network is told the user that was given first"),
        (Change.OTHER_SYNTAX,),
        "Swap user name and password. No module can tell the two from each other: a wrong order shows only "
        "when an attach or an activation fails. Type 0 wants two empty strings.",
        ('AT+UAUTHREQ=1,1,"<password>","<username>"', "AT+UAUTHREQ=1,0"),
        ('AT+UAUTHREQ=1,1,"<username>","<password>"', 'AT+UAUTHREQ=1,0,"",""'),
        driver("ubxlib u_cell_net.c: the empty strings of type 0"),
        search=r"\+UAUTHREQ="),
    MigrationRow(
        "mno-profile", "MNO profile selection",
        Side("+UMNOPROF Default MNO profile: 90",
             (Ask("AT+UMNOPROF?", holds=r"\+UMNOPROF: ?\d+"), *_told("AT+UMNOPROF=?"))),
        _gone("AT+UMNOPROF?", "AT+UMNOPROF=?"),
        (Change.GONE, Change.OTHER_COMMAND),
        "Remove +UMNOPROF and the reboot behind it. What the profile brought is set one by one: the APN of "
        "the initial bearer by +CFGDFTPDN, bands by +SETBAND and +SETLOCK.",
        ("AT+CFUN=0", "AT+UMNOPROF=<profile>", "AT+CFUN=16"),
        ("AT+CFUN=0", 'AT+CFGDFTPDN=1,0,"<apn>"', "AT+CFUN=1"), r8_guide("7.2.1.1, Table 16"),
        search=r"\+UMNOPROF\b"),
    MigrationRow(
        "urat", "+URAT syntax",
        Side("AT+URAT=<1stAcT>[,<2ndAcT>[,<3rdAcT>]]", (Ask("AT+URAT?", holds=r"\+URAT: ?\d"),
                                                        *_told("AT+URAT=?"))),
        Side("AT+URAT=<SelectedAcT>[,<PreferredAcT>[,<2ndPreferredAcT>]]",
             (Ask("AT+URAT?", holds=r"\+URAT: ?\d"), *_told("AT+URAT=?"))),
        (Change.OTHER_SYNTAX, Change.OTHER_VALUES, Change.OTHER_DEFAULT),
        "The first number is no longer the technology tried first but the set that is allowed; the ones "
        "behind it are preferences. 2 (UMTS) is gone. LTE before GSM is 3,0 on LARA-R6 and 5,3 on LENA-R8.",
        ("AT+URAT=3,0",), ("AT+URAT=5,3",), driver("ubxlib u_cell_cfg.c: 0 GSM, 3 LTE, 5 both"),
        search=r"\+URAT=[^?]"),
    MigrationRow(
        "bands", "Band configuration",
        Side("+UBANDMASK", (*_answered("AT+UBANDMASK?"), *_refused("AT+SETBAND?", "AT+SETLOCK=2,0"))),
        Side("+SETBAND for 2G bands +SETLOCK for LTE bands",
             (*_told("AT+SETBAND?", "AT+SETLOCK=2,0"), *_refused("AT+UBANDMASK?"))),
        (Change.OTHER_COMMAND, Change.OTHER_SYNTAX),
        "One mask for each technology becomes two commands: a sum of 2G bands, and a list of LTE band "
        "numbers in place of bits. Both are in force after a reboot.",
        ("AT+UBANDMASK=<rat>,<mask>",), ("AT+SETBAND=<sum>", "AT+SETLOCK=1,0,<band>,<band>"),
        driver("ubxlib u_cell_cfg.c: +SETLOCK; guide 7.1.1 names both"),
        search=r"\+UBANDMASK\b"),
    MigrationRow(
        "usage-setting", "CS/PS usage setting",
        Side("+USVCDOMAIN", _answered("AT+USVCDOMAIN?")), _gone("AT+USVCDOMAIN?", "AT+USVCDOMAIN=?"),
        (Change.GONE,), "Remove it: voice or data centric cannot be chosen.", ("AT+USVCDOMAIN=<mode>",), (),
        r6_app_note("+USVCDOMAIN"),
        search=r"\+USVCDOMAIN\b"),
    MigrationRow(
        "cell-scan", "Cell deep scan",
        Side("+UCFSCAN", provoked="a scan is asked for; no document at hand prints its parameter"),
        _gone("AT+UCFSCAN=?", "AT+UCFSCAN=7"),
        (Change.GONE, Change.OTHER_COMMAND), "Remove it; +COPS=? lists networks, not cells.",
        ("AT+UCFSCAN=<mode>",), ("AT+COPS=?",), driver("hobby code sends +UCFSCAN=7"),
        search=r"\+UCFSCAN\b"),
    MigrationRow(
        "ims-cid", "IMS cid",
        Side(""),
        Side("IMS cid (11): activation is not notified by URC deactivation is notified by the +CGEV URC.",
             provoked="IMS comes: context 11 is active and no +CGEV told it; IMS goes: +CGEV tells it"),
        (Change.OTHER_URC, Change.NEW),
        "Leave context 11 alone, and out of loops over contexts. That it is up shows +CGACT? only; +CGEV "
        "tells its end once +CGEREP=2,1 is set.",
        (), ("AT+CGEREP=2,1", "AT+CGACT?"), r8_guide("8.1.1, Table 19")),
    MigrationRow(
        "internet", "Internet applications/Sockets",
        Side("+CGACT and optionally +CGDCONT: Always issue the AT+CGACT=1,<cid> command on used context "
             "<cid> even if the +CGDCONT AT command returns that the context is still active with a valid IP "
             "address. This is highly recommended to activate the PS data connection avoiding possible "
             "conflicts between applications.",
             provoked="+CGACT=1 on a context that is active already is OK"),
        Side("online data mode resuming: explicitly activate PDP context with +CGACT to guarantee a proper "
             "resume with ATO; see 0.",
             provoked="a context activated by +CGACT, dialled, left by +++ and resumed by ATO"),
        (Change.OTHER_BEHAVIOUR,),
        "Keep +CGACT=1 before the first socket. New: send it before a dial as well, else ATO may not come "
        "back to data mode. The user's first context is 1; context 0 is the operator's.",
        ("AT+CGACT=1,1", "ATD*99***1#"), ("AT+CGACT=1,1", "ATD*99***1#", "+++", "ATO"), r8_guide("5.8.2"),
        ("R8-42",),
        search=r"ATD\*99|\+CGDATA="),
    MigrationRow(
        "contexts", "PDP contexts usage",
        Side("Internet app are allowed to address different PDP contexts",
             _told("AT+UDCONF=19"), "a socket opened on a context of its own by +USOCR"),
        Side("Internet app uses PDP context based on their order in activation; see 0 Table 16: Anchor APN "
             "configuration example Additional bearers.", _refused("AT+UDCONF=19"),
             "names are found with a second context up, and again after it has gone"),
        (Change.OTHER_BEHAVIOUR, Change.GONE),
        "Remove +UDCONF=19 and whatever chooses a client's context: 7.2.2 leaves no choice (a socket has one "
        "still, by +USOCR, 9.2.1). Clients take the context that was activated first, DNS and ping the one "
        "activated last: activate in that order, or one only.",
        ("AT+UDCONF=19,2,0",), ("AT+CGACT=1,1",), r8_guide("7.2.2"), ("R8-07", "R8-42"),
        search=r"\+UDCONF=19\b"),
    MigrationRow(
        "dns", "DNS configuration",
        Side("+UDNSCFG allows independent DNS configuration for each cid",
             _refused("AT+CDNSCFG?"), "a server set for context 1 leaves that of context 2 as it was"),
        Side("+CDNSCFG, common setting for each cid. Shall be used after every changing in PDP context "
             "activation", (*_told("AT+CDNSCFG?"), *_refused("AT+UDNSCFG=?", "AT+UDNSCFG=1,1,0"))),
        (Change.OTHER_COMMAND, Change.OTHER_SYNTAX),
        "One pair of servers for all contexts, lost with every change of their activation: send it again "
        "behind each +CGACT and after each reattach.",
        ('AT+UDNSCFG=1,1,0,"<address>"',), ("AT+CGACT=1,1", 'AT+CDNSCFG="<primary>","<secondary>"'),
        guess("the form of +CDNSCFG is remembered"),
        search=r"\+UDNSCFG\b"),
    MigrationRow(
        "sharing", "PDN sharing between dial-up and Internet applications/Socket",
        Side("Supported, use +UEMBPF to reserve port range for embedded IP clients",
             (*_answered("AT+UEMBPF?"), *_told("AT+UEMBPF=?"))),
        _gone("AT+UEMBPF?", "AT+UEMBPF=?"),
        (Change.GONE, Change.OTHER_BEHAVIOUR),
        "Remove +UEMBPF. Dial on a context of its own, and leave another one to sockets and clients.",
        ('AT+UEMBPF=1,"<first>-<last>"', "ATD*99***1#"), ("AT+CGACT=1,1", "ATD*99***2#"),
        driver("ubxlib README: PPP wants a context of its own"),
        search=r"\+UEMBPF\b"),
    MigrationRow(
        "ppp-dtr", "PPP",
        Side("DTR (virtual and physical) line must be asserted to start a PPP connection",
             provoked="a dial with DTR off is refused"),
        Side(""),
        (Change.NOTHING,), "Nothing: a host that asserts DTR before a dial is right on both.",
        ("ATD*99***1#",), ("ATD*99***1#",)),
    MigrationRow(
        "device-management", "Device management",
        Side("LwM2M", _answered("AT+ULWM2M?")), _gone("AT+ULWM2M?", "AT+ULWM2MREG?", "AT+ULWM2MSTAT?"),
        (Change.GONE,), "Remove +ULWM2M and its kin. What the server did needs another way: MQTT, HTTP, "
        "CoAP in the host.",
        ("AT+ULWM2M=0", "AT+ULWM2MREG=<server>"), (),
        sibling("SARA-R5 firmware update note UBX-20033314: the forms of LwM2M"),
        search=r"\+ULWM2M"),
    MigrationRow(
        "fota", "FOTA",
        Side("uFOTA via LwM2M, FTP, HTTP",
             (*_answered("AT+ULWM2M?"), *_told("AT+UFOTASTAT?", "AT+UFTPC=?", "AT+UHTTPC=?"))),
        Side("FOTA via FTP, HTTP", (*_refused("AT+UFOTASTAT?", "AT+UFOTASTAT=?", "AT+ULWM2M?"),
                                    *_told("AT+UFTPC=?", "AT+UHTTPC=?"))),
        (Change.GONE, Change.OTHER_URC),
        "Nobody but the host starts an update: fetch the package by FTP or HTTP, then install it. +UFOTASTAT "
        "and its URC are gone.",
        ("AT+UFOTASTAT=1",), ('AT+UFTPC=100,"<package>"', "AT+UFWINSTALL"),
        r8_guide("11.2.1 and 11.2.2"),
        search=r"\+UFOTASTAT\b"),
    MigrationRow(
        "diagnostics", "Cell and network diagnostic",
        Side("+UCGED, +VZWRSPR/+VZWRSRQ (in +UMNOPROF: 3)",
             (*_answered("AT+UCGED?"), *_told("AT+VZWRSRP", "AT+VZWRSRQ"))),
        _gone("AT+UCGED?", "AT+UCGED=?", "AT+VZWRSRP", "AT+VZWRSRQ"),
        (Change.GONE, Change.OTHER_COMMAND),
        "Cell data by +UCGED have no successor. Registration and cell are in +CEREG, causes in +CEER, signal "
        "strength in +CSQ (a public driver found no other radio number of LENA-R8 of use).",
        ("AT+UCGED=2", "AT+UCGED?"), ("AT+CEREG=5", "AT+CEER", "AT+CSQ"),
        r8_guide("8.1.1, Table 19; 8.1.2, Table 20"), ("R8-41",),
        search=r"\+UCGED\b|\+VZWRSR[PQ]\b"),
    MigrationRow(
        "hang-up", "Call hang up",
        Side("+CHUP", _answered("AT+CHUP"), "+CHUP ends a call"),
        Side("ATH, +CHUP", _answered("AT+CHUP"), "+CHUP ends a call, and so does ATH"),
        (Change.NEW,), "Nothing: +CHUP ends a call on both. ATH, which leaves LARA-R6's voice calls alone, "
        "ends them too: send it on a data port only if that is meant.",
        ("AT+CHUP",), ("AT+CHUP",)),
    MigrationRow(
        "upsv", "+UPSV (options)",
        Side("+UPSV: (0,1,3)", (Ask("AT+UPSV=?", holds=r"\+UPSV: ?\((0,1,3|0-1,3)\b"), Ask("AT+UPSV?"))),
        Side('+UPSV: (0,2,3,4) +UPSV:2 cannot be supported at the same time of the "General Purpose I/O" '
             'function and/or the "GNSS data ready" function over the GPIO3 line',
             (Ask("AT+UPSV=?", holds=r"\+UPSV: ?\((0,2,3,4|0,2-4)\b"), Ask("AT+UPSV?"))),
        (Change.OTHER_VALUES, Change.NEW),
        "Mode 1 (cyclic, wakes by data) is mode 4 now, with its time-out. Mode 2 (by RTS) is new, wants &K0, "
        "and excludes GPIO3 as GPIO or GNSS data ready. Mode 3 (by DTR) is the same.",
        ("AT+UPSV=1,<frames>",), ("AT+UPSV=4,<frames>",), r8_guide("5.6.2"), (),
        search=r"\+UPSV=(1\b|%|\{)"),
    MigrationRow(
        "fast-dormancy", "Fast dormancy",
        Side("+CNMPD", _answered("AT+CNMPSD")), _gone("AT+CNMPSD", "AT+CNMPSD=?", "AT+CNMPD"),
        (Change.GONE,), "Remove it: fast dormancy is a thing of 3G, which LENA-R8 does not have.",
        ("AT+CNMPSD",), (), r6_app_note("+CNMPSD"), ("R8-41",),
        search=r"\+CNMPS?D\b"),
)
"""Table 54, in print order."""


def _index() -> Mapping[str, MigrationRow]:
    table: dict[str, MigrationRow] = {}
    for one in MIGRATION:
        if one.id in table:
            raise ValueError(f"the row {one.id} is given twice")
        table[one.id] = one
    return MappingProxyType(table)


_BY_ID = _index()


def migration_row(name: str) -> MigrationRow:
    """The row of an id ("mno-profile"); OperatorError with those there are when it is none."""
    found = _BY_ID.get(name)
    if found is None:
        raise OperatorError(f"Table 54 has no row {name!r}", remedy=f"rows are {', '.join(_BY_ID)}")
    return found
