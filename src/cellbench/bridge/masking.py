"""What a capture must not tell: identities become stand-ins, secrets asterisks, places and texts are blanked.

First every exchange is learnt from, then every one is masked, so that what showed late is gone from the
beginning too. Nothing that was not masked leaves memory.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable

from cellbench.bridge.model import Exchange, Heard
from cellbench.bridge.pdu import masked_pdu
from cellbench.bridge.stand_ins import DOTTED, StandIns, luhn
from cellbench.catalogue.commands import ALL
from cellbench.catalogue.model import Param, Series
from cellbench.catalogue.overlay import command_of
from cellbench.wire.at.values import fields_of, prefix_of

_LONG_DIGITS = re.compile(r"(?<![0-9A-Fa-f])[0-9]{14,22}(?=F?(?![0-9A-Fa-f]))")
_COLONS = re.compile(r"[0-9A-Fa-f]*:[0-9A-Fa-f:]*:[0-9A-Fa-f]*")
_QUOTED_NUMBER = re.compile(r'"(\+?[0-9]{6,15})"')
_INTERNATIONAL = re.compile(r'"(\+[0-9]{6,15})"')
_HEX = re.compile(r'"?([0-9A-Fa-f]{2,})"?')
_CELL = re.compile(r'"([0-9A-Fa-f]{4,8})"')
_BLANK_HEX = re.compile(r"[0-9A-Ea-e]")

_KIND_OF = {"+CGSN": "imei", "+GSN": "imei", "+CIMI": "imsi", "+CCID": "iccid"}
_NUMBERS = frozenset({"+CNUM", "+CSCA", "+CLIP", "+CLCC", "+CMGR", "+CMGL", "+CMT", "+CPBR", "+COLP", "+CCWA",
                      "+CUSD", "+CCFC"})
_NAMES = frozenset({"+CNUM", "+CPBR", "+CLIP", "+CLCC"})
_PLACES = frozenset({"+CREG", "+CGREG", "+CEREG", "+CIREG"})
_MASKS = frozenset({"+UBANDMASK"})  # long numbers that are no identities
_CODED = frozenset({"+CRSM", "+CSIM", "+CGLA"})  # their digits are hexadecimal
_OWN_WORDS = frozenset({"+UMQTT", "+UMQTTSN", "+UFTP", "+UCOAP", "+UHTTP", "+USECPRF", "+CSGT"})
_MESSAGES = frozenset({"+CMGR", "+CMGL", "+CMT"})

_EF_ICCID, _EF_IMSI, _EF_MSISDN = 12258, 28423, 28480
_EF_PLACES = frozenset({28542, 28531, 28643, 28532, 28539})  # LOCI, PSLOCI, EPSLOCI, BCCH, FPLMN
_EF_SECRET = frozenset({28424, 28425, 28482})  # keys; SMS parameters, with the numbers of service centres
_EF_SMS = 28476
_STAND_IN_NAME = "x"


class Masker:
    """Masks the exchanges of one module. ``blank`` replaces secrets that are known to the bench (PIN,
    passwords); ``own`` are texts that the capture itself wrote and may show."""

    def __init__(self, series: Series, blank: Callable[[str], str], own: Iterable[str] = ()) -> None:
        self.stand_ins = StandIns()
        self._series = series
        self._blank = blank
        self._own = frozenset(own)

    def learn_all(self, exchanges: Iterable[Exchange]) -> None:
        """Remember the identities of all answers: first of those whose command says which they are."""
        for one in sorted(exchanges, key=lambda one: not _is_certain(one)):
            self.learn(one)

    def learn(self, exchange: Exchange) -> None:
        """Remember the identities that an answer tells."""
        known = command_of(exchange.send)
        name = known[0] if known else ""
        if exchange.send.endswith("=?"):
            return
        self._learn_file(exchange)
        for line in (*exchange.lines, *(heard.text for heard in exchange.urcs)):
            if line in self._own:
                continue
            prefix = prefix_of(line) or name
            if name not in _MASKS and prefix not in _CODED:
                for digits in _LONG_DIGITS.findall(line):
                    self.stand_ins.learn(_KIND_OF.get(name) or _kind_of(digits), digits)
            wanted = _QUOTED_NUMBER if prefix in _NUMBERS or name in _NUMBERS else _INTERNATIONAL
            for number in wanted.findall(line):
                self.stand_ins.learn("number", number)
            for address in _addresses(line):
                self.stand_ins.learn("ip", address)

    def mask(self, exchange: Exchange) -> Exchange:
        """An exchange that may be shown."""
        test = exchange.send.endswith("=?")
        lines = tuple(self._line(exchange, place, line, test) for place, line in enumerate(exchange.lines))
        urcs = tuple(Heard(text=self._text(heard.text), early=heard.early) for heard in exchange.urcs)
        send = exchange.send if exchange.send in self._own else self._blank(self._text(exchange.send))
        return exchange.model_copy(update={"send": send, "lines": lines, "urcs": urcs})

    # -- inside ----------------------------------------------------------------------------------

    def _line(self, exchange: Exchange, place: int, line: str, test: bool) -> str:
        if line in self._own:
            return line
        if test:
            return self.stand_ins.replace(line)
        known = command_of(exchange.send)
        name = known[0] if known else ""
        if place and _HEX.fullmatch(line) and prefix_of(exchange.lines[place - 1]) in _MESSAGES:
            return masked_pdu(line, self.stand_ins)
        if place and prefix_of(exchange.lines[place - 1]) in _MESSAGES and prefix_of(line) not in _MESSAGES:
            return _STAND_IN_NAME * len(line)  # the text of a message
        prefix = prefix_of(line)
        if prefix == "+CRSM":
            line = _masked_file(exchange.send, line)
        if prefix in _NAMES:
            line = _without_names(line)
        if prefix in _PLACES:
            line = _CELL.sub(lambda found: f'"{self._cell(found[1])}"', line)
        if name == "+UCGED":
            line = re.sub(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{4,8}(?![0-9A-Fa-f])",
                          lambda found: self._cell(found[0]), line)
        if prefix == name and name in ALL:
            line = _without_secrets(line, ALL[name].params_for(self._series))
        if name in _OWN_WORDS:
            line = _without_words(line)
        return self._text(line)

    def _cell(self, digits: str) -> str:
        """A stand-in for an area or a cell: the same length, counted; all ones and zeros tell nothing."""
        if len(set(digits.lower())) == 1:
            return digits
        cells = self.stand_ins.cells
        made = cells.setdefault((len(digits), digits.upper()), len(cells) + 1)
        text = f"{made:0{len(digits)}X}"
        return text if any(one.isupper() for one in digits) else text.lower()

    def _text(self, text: str) -> str:
        if text in self._own:
            return text
        return self._blank(_COLONS.sub(_ipv6_stand_in, self.stand_ins.replace(text)))

    def _learn_file(self, exchange: Exchange) -> None:
        """What elementary files hold: ICCID, IMSI and number with swapped nibbles (TS 31.102 4.2)."""
        number = _file_of(exchange.send)
        for line in exchange.lines:
            found = _HEX.search(line.rpartition(",")[2])
            if prefix_of(line) != "+CRSM" or found is None:
                continue
            octets = found[1]
            digits = "".join(octets[at + 1:at + 2] + octets[at:at + 1] for at in range(0, len(octets), 2))
            if number == _EF_ICCID:
                self.stand_ins.learn("iccid", digits.upper().rstrip("F"))
            elif number == _EF_IMSI:
                self.stand_ins.learn("imsi", digits[3:].upper().rstrip("F"))
            elif number == _EF_MSISDN and len(digits) >= 28:
                told = digits[-28:][4:24].upper().rstrip("F")
                self.stand_ins.learn("number", told)


def _is_certain(exchange: Exchange) -> bool:
    known = command_of(exchange.send)
    return known is not None and (known[0] in _KIND_OF or _file_of(exchange.send) in (_EF_ICCID, _EF_IMSI))


def _kind_of(digits: str) -> str:
    """What a long run of digits is, where the command does not tell (TS 23.003, E.118)."""
    if len(digits) >= 18:
        return "iccid" if digits.startswith("89") else "digits"
    if len(digits) == 15:
        return "imei" if luhn(digits[:14]) == digits[14] else "imsi"
    return "imei" if len(digits) in (14, 16) else "digits"


def _addresses(line: str) -> list[str]:
    """Groups of four octets that tell an address: of IPv4, of the 16 octets of IPv6; masks tell none."""
    found = []
    for dotted in DOTTED.findall(line):
        octets = dotted.split(".")
        if any(int(one) > 255 for one in octets):
            continue
        groups = [octets[at:at + 4] for at in range(0, len(octets) // 4 * 4, 4)]
        if len(octets) >= 16:
            found += [".".join(one) for one in groups[:4] if set(one) - {"0"}]
        elif groups[0][0] not in ("0", "255", "127"):
            found.append(".".join(groups[0]))
    return found


def _ipv6_stand_in(found: re.Match[str]) -> str:
    """The documentation prefix (RFC 3849) in the same form: every group keeps its length."""
    try:
        if int(ipaddress.IPv6Address(found[0])) == 0:
            return found[0]
    except ValueError:
        return found[0]  # a time of day
    groups = found[0].split(":")
    given = iter(("2001", "db8", *("0001",) * 8))
    return ":".join("" if not group else next(given)[-len(group):].rjust(len(group), "0") for group in groups)


def _file_of(send: str) -> int:
    """The elementary file that a +CRSM reads, 0 for another command."""
    parts = send.upper().partition("+CRSM=")[2].split(",")
    return int(parts[1]) if len(parts) > 1 and parts[1].strip().isdigit() else 0


def _masked_file(send: str, line: str) -> str:
    """The contents of files that tell where the card was, or hold keys or messages, blanked; a name, too."""
    number = _file_of(send)
    head, comma, content = line.rpartition(",")
    if number in _EF_PLACES or number in _EF_SECRET or number == _EF_SMS:
        return head + comma + _BLANK_HEX.sub("0", content)
    found = _HEX.fullmatch(content)
    if number == _EF_MSISDN and found is not None and len(found[1]) > 28:
        name = found[1][:-28]
        plain = "".join("FF" if name[at:at + 2].upper() == "FF" else "78" for at in range(0, len(name), 2))
        return head + comma + content.replace(name, plain, 1)
    return line


def _without_names(line: str) -> str:
    """Names of persons are the quoted texts that are no numbers."""
    return re.sub(r'"([^"]*)"', lambda found: found[0] if re.fullmatch(r"\+?[0-9*#]*", found[1])
                  else f'"{_STAND_IN_NAME * len(found[1])}"', line)


def _without_words(line: str) -> str:
    """What an owner has named: servers, users, topics, a greeting."""
    return re.sub(r'"([^"*]+)"', lambda found: found[0] if found[1].isdigit()
                  else f'"{_STAND_IN_NAME * len(found[1])}"', line)


def _without_secrets(line: str, params: tuple[Param, ...]) -> str:
    """A line that repeats a setting, its secret parameters blanked."""
    if not any(param.secret for param in params):
        return line
    values = fields_of(line)
    named = {param.name: value for param, value in zip(params, values, strict=False)}
    for param, value in zip(params, values, strict=False):
        secret = param.secret and all(named.get(name) in wanted for name, wanted in param.secret_when.items())
        if secret and value is not None and str(value):
            line = line.replace(f'"{value}"', f'"{"*" * len(str(value))}"')
    return line
