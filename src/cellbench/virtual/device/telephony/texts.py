"""Messages as AT commands write them: character sets of the DTE, text mode and PDU mode (3GPP TS 27.005 3.1,
27.007 5.5)."""

from __future__ import annotations

from dataclasses import dataclass

from cellbench.virtual.device.telephony.store import Entry
from cellbench.virtual.net.telephone.alphabet import nearest_septets, septets, text_of
from cellbench.virtual.net.telephone.fields import (
    Address,
    Alphabet,
    Coding,
    Malformed,
    Reader,
    put_time,
    take_centre,
    time_from_text,
    time_text,
)
from cellbench.virtual.net.telephone.tpdu import (
    HEADER,
    Deliver,
    StatusReport,
    Submit,
    UserData,
    user_data,
)

_CODECS = {"IRA": "ascii", "8859-1": "latin-1", "PCCP437": "cp437", "PCDN": "cp865"}
_RELATIVE, _ENHANCED, _ABSOLUTE = 2, 1, 3


@dataclass(frozen=True, slots=True)
class Charset:
    """+CSCS: what characters between DTE and module mean. Text is one character per byte, as on a port."""

    name: str

    def shown(self, text: str) -> str:
        """A text for the DTE."""
        if self.name == "UCS2":
            return text.encode("utf-16-be").hex().upper()
        if self.name == "HEX":
            return nearest_septets(text).hex().upper()
        if self.name == "GSM":
            return nearest_septets(text).decode("latin-1")
        return text.encode(_CODECS.get(self.name, "ascii"), "replace").decode("latin-1")

    def meant(self, raw: str) -> str:
        """A text of the DTE; Malformed when the characters are none of the set."""
        data = raw.encode("latin-1", "replace")
        try:
            if self.name == "UCS2":
                return bytes.fromhex(raw).decode("utf-16-be")
            if self.name == "HEX":
                return text_of(bytes.fromhex(raw))
            if self.name == "GSM":
                return text_of(data)
            return data.decode(_CODECS.get(self.name, "ascii"), "replace")
        except ValueError:
            raise Malformed(f"{raw[:20]!r} is no {self.name}") from None

    def number(self, raw: str) -> str:
        """A number of the DTE: as the set has it, or in plain characters all the same."""
        if self.name not in ("UCS2", "HEX"):
            return raw
        try:
            meant = self.meant(raw)
        except Malformed:
            return raw
        digits = meant.removeprefix("+")
        return meant if digits.isascii() and digits.isdigit() else raw


# sending
@dataclass(frozen=True, slots=True)
class TextSettings:
    """+CSMP: first octet, validity period as given, protocol, data coding."""

    first: int
    validity: object
    pid: int
    dcs: int

    def validity_octets(self) -> bytes:
        """TP-VP. Malformed when it does not fit the first octet."""
        form = self.first >> 3 & 3
        if form == 0:
            return b""
        if form == _RELATIVE:
            text = str(self.validity)
            if not text.isdigit() or int(text) > 255:
                raise Malformed(f"no relative validity period: {text}")
            return bytes((int(text),))
        if form == _ABSOLUTE:
            return put_time(time_from_text(str(self.validity)))
        try:
            octets = bytes.fromhex(str(self.validity))
        except ValueError:
            octets = b""
        if len(octets) != 7:
            raise Malformed(f"no enhanced validity period: {self.validity}")
        return octets


def body_of(raw: str, settings: TextSettings, scheme: Coding, charset: Charset) -> UserData:
    """The user data of a text typed in (27.005 3.1, <data>): characters of the set with the default alphabet
    and no header, else octets in hexadecimal. Malformed."""
    if scheme.alphabet is Alphabet.GSM7 and not settings.first & HEADER:
        if charset.name in ("GSM", "HEX"):
            codes = raw.encode("latin-1") if charset.name == "GSM" else _octets(raw)
            if any(code > 127 for code in codes):
                raise Malformed("a code beyond 127")
        else:
            text = charset.meant(raw)
            found = septets(text)
            codes = nearest_septets(text) if found is None else found
        return user_data(Alphabet.GSM7, codes)
    octets = _octets(raw)
    if not settings.first & HEADER:
        return user_data(scheme.alphabet, octets)
    header = octets[1:1 + octets[0]] if octets else b""
    if not octets or len(header) != octets[0]:
        raise Malformed("a header that is not whole")
    body = octets[1 + len(header):]
    if scheme.alphabet is Alphabet.GSM7 and any(code > 127 for code in body):
        raise Malformed("a code beyond 127")
    return user_data(scheme.alphabet, body, header)


def _octets(raw: str) -> bytes:
    try:
        return bytes.fromhex(raw.strip())
    except ValueError:
        raise Malformed(f"no hexadecimal: {raw[:20]!r}") from None


# showing
def data_text(first: int, scheme: Coding, data: UserData, charset: Charset) -> str:
    """<data> of a message."""
    plain = scheme.alphabet is Alphabet.GSM7 and not first & HEADER and not scheme.compressed
    if not plain:
        return data.octets.hex().upper()
    codes = data.septets(first)
    if charset.name == "GSM":
        return codes.decode("latin-1")
    if charset.name == "HEX":
        return codes.hex().upper()
    return charset.shown(text_of(codes))


def _quoted(text: str) -> str:
    return f'"{text}"'


def _number(address: Address, charset: Charset) -> str:
    text = address.text
    return _quoted(charset.shown(text) if charset.name == "UCS2" or address.named else text)


def centre_of(entry: Entry) -> Address | None:
    """The service centre that a message is stored with."""
    return take_centre(Reader(entry.pdu))


def _centre(entry: Entry, charset: Charset) -> str:
    address = centre_of(entry)
    return f"{_number(address, charset)},{address.kind}" if address is not None else '"",129'


def _validity(submit: Submit) -> str:
    if submit.relative is not None:
        return str(submit.relative)
    if submit.until is not None:
        return _quoted(time_text(submit.until))
    return _quoted(submit.validity.hex().upper()) if submit.validity else ""


def report_text(report: StatusReport, charset: Charset) -> str:
    """A status report behind its prefix (27.005 3.4.1)."""
    return (f"{report.first},{report.reference},{_number(report.to, charset)},{report.to.kind},"
            f"{_quoted(time_text(report.at))},{_quoted(time_text(report.discharged))},{report.status}")


def listed(index: int, stat: str, entry: Entry, charset: Charset, *, headers: bool) -> str:
    """A message as +CMGL lists it in text mode."""
    message = entry.decoded()
    if isinstance(message, StatusReport):
        return f"+CMGL: {index},{_quoted(stat)},{report_text(message, charset)}"
    if isinstance(message, Deliver):
        address, when = message.sender, _quoted(time_text(message.at))
    else:
        address, when = message.to, ""
    tail = f",{address.kind},{message.data.length}" if headers else ""
    text = data_text(message.first, message.coding, message.data, charset)
    return f"+CMGL: {index},{_quoted(stat)},{_number(address, charset)},,{when}{tail}\r\n{text}"


def shown(stat: str, entry: Entry, charset: Charset, *, headers: bool) -> str:
    """A message as +CMGR reads it in text mode."""
    message = entry.decoded()
    if isinstance(message, StatusReport):
        return f"+CMGR: {_quoted(stat)},{report_text(message, charset)}"
    text = data_text(message.first, message.coding, message.data, charset)
    if isinstance(message, Deliver):
        head = f"{_number(message.sender, charset)},,{_quoted(time_text(message.at))}"
        tail = (f",{message.sender.kind},{message.first},{message.pid},{message.dcs},"
                f"{_centre(entry, charset)},{message.data.length}")
    else:
        head = f"{_number(message.to, charset)},"
        tail = (f",{message.to.kind},{message.first},{message.pid},{message.dcs},{_validity(message)},"
                f"{_centre(entry, charset)},{message.data.length}")
    return f"+CMGR: {_quoted(stat)},{head}{tail if headers else ''}\r\n{text}"


def passed_on(entry: Entry, charset: Charset, *, headers: bool) -> str:
    """A message as +CMT gives it in text mode."""
    message = entry.decoded()
    assert isinstance(message, Deliver)
    tail = (f",{message.sender.kind},{message.first},{message.pid},{message.dcs},"
            f"{_centre(entry, charset)},{message.data.length}") if headers else ""
    text = data_text(message.first, message.coding, message.data, charset)
    return f"+CMT: {_number(message.sender, charset)},,{_quoted(time_text(message.at))}{tail}\r\n{text}"
