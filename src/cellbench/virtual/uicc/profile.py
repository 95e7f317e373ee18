"""What a card is: the profile file, read and checked.

A profile file is YAML. Its keys are the fields of :class:`CardProfile`; texts of digits stand in quotes.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from cellbench.base.errors import OperatorError
from cellbench.virtual.uicc import layout
from cellbench.virtual.uicc.files import MASTER, Structure

RULES = {"free": layout.FIXED, "admin": layout.ADMIN, "pin": layout.PIN_PIN, "pin-admin": layout.PIN_ADM,
         "pin-pin2": layout.PIN_PIN2, "free-pin": layout.READ_FREE_PIN, "secret": layout.SECRET,
         "counter": layout.COUNTER}
"""Names of access rules in a profile file: who reads, then who updates."""
STRUCTURES = {"transparent": Structure.TRANSPARENT, "linear": Structure.LINEAR, "cyclic": Structure.CYCLIC}
_MAX_FILE, _MAX_RECORD = 0x7FFF, 0xFF


@dataclass(frozen=True, slots=True)
class FileChange:
    """What a profile says of one file, beyond the standard's layout.

    ``path``: identifiers from the MF, 7FFF being the USIM; ``content``: replaces what is there from the first
    byte (or record); ``absent``: the card lacks the file. A file that the layout does not have needs ``size``
    (of a record, for a file with ``records``).
    """

    path: tuple[int, ...]
    content: bytes | None = None
    absent: bool = False
    structure: Structure | None = None
    size: int | None = None
    records: int | None = None
    rule: int | None = None
    sfi: int | None = None


@dataclass(frozen=True, slots=True)
class CardProfile:
    """One card, or one profile of an eUICC.

    ``pin_enabled``: PIN1 is asked for at the start. ``k`` and ``opc`` (or ``op``): the keys of Milenage.
    ``sqn``: highest sequence number seen. ``numbers``: EF_MSISDN, as (name, number). ``imsis``: further IMSIs
    of a multi-IMSI card, which takes them in turn when a network refuses it (``swap_on_reject``).
    ``profiles``: further profiles of an eUICC. ``iso_select``: SELECT with P2 = 00 is taken as ISO/IEC 7816-4
    has it.
    """

    imsi: str = "222885850018994"
    iccid: str = "8939883485100059944F"
    mnc_digits: int = 2
    pin: str = "1234"
    pin_enabled: bool = False
    puk: str = "12345678"
    pin2: str = "2345"
    puk2: str = "87654321"
    adm: str = "88888888"
    k: str = "465B5CE8B199B49FAA5F0A2EE238A6BC"
    opc: str = "CD63CB71954A9F4E48A5994E37A02BAF"
    op: str = ""
    sqn: str = "000000000000"
    spn: str = "WIND"
    smsc: str = ""
    numbers: tuple[tuple[str, str], ...] = ()
    channels: int = 3
    isim: bool = True
    iso_select: bool = False
    files: tuple[FileChange, ...] = ()
    imsis: tuple[str, ...] = ()
    swap_on_reject: bool = False
    profiles: tuple[CardProfile, ...] = ()

    @property
    def home(self) -> str:
        """MCC and MNC of the IMSI."""
        return self.imsi[:3 + self.mnc_digits]


_DIGITS = {"imsi": r"\d{6,15}", "iccid": r"\d{18,20}|\d{19}F", "pin": r"\d{4,8}", "puk": r"\d{8}",
           "pin2": r"\d{4,8}", "puk2": r"\d{8}", "adm": r"[ -~]{4,8}", "k": r"[0-9A-Fa-f]{32}",
           "opc": r"[0-9A-Fa-f]{32}", "op": r"[0-9A-Fa-f]{32}", "sqn": r"[0-9A-Fa-f]{12}",
           "spn": r"[ -~]{0,16}", "smsc": r"\+?\d{3,20}|"}


CARDS = Path(__file__).resolve().parent / "cards"
"""Profile files that come with the package, found by their names."""


def named(name: str) -> Path:
    """The profile file of a card that comes with the package, or the file that ``name`` is."""
    shipped = CARDS / f"{name}.yaml"
    return shipped if re.fullmatch(r"[a-z0-9\-]+", name) and shipped.exists() else Path(name)


def load_profile(path: Path) -> CardProfile:
    """The card of a profile file. Raises OperatorError, naming file and key, when it cannot be understood."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise OperatorError(f"{path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise OperatorError(f"{path} is no YAML: {error}") from None
    try:
        return profile_from(raw)
    except ValueError as error:
        raise OperatorError(f"{path}: {error}", remedy="docs/virtual-uicc.md describes the keys") from None


def profile_from(raw: object) -> CardProfile:
    """The card that a parsed document describes. Raises ValueError with the key at fault."""
    if not isinstance(raw, Mapping):
        raise ValueError("a mapping is expected")
    names = {one.name for one in dataclasses.fields(CardProfile)}
    values: dict[str, object] = {}
    for key, value in raw.items():
        if key not in names:
            raise ValueError(f"{key}: no such key; there are {', '.join(sorted(names))}")
        values[key] = _value(str(key), value)
    return dataclasses.replace(CardProfile(), **values)  # type: ignore[arg-type]


def _value(key: str, value: object) -> object:
    if key in _DIGITS:
        if not isinstance(value, str) or not re.fullmatch(_DIGITS[key], value):
            raise ValueError(f"{key}: {value!r} does not fit; write it in quotes, as {_DIGITS[key]}")
        return value
    if key in ("pin_enabled", "isim", "iso_select", "swap_on_reject"):
        if not isinstance(value, bool):
            raise ValueError(f"{key}: true or false, not {value!r}")
        return value
    if key in ("mnc_digits", "channels"):
        low, high = (2, 3) if key == "mnc_digits" else (0, 3)
        return _number(key, value, low, high)
    if not isinstance(value, list):
        raise ValueError(f"{key}: a list is expected")
    if key == "files":
        return tuple(_file(one) for one in value)
    if key == "profiles":
        return tuple(profile_from(one) for one in value)
    if key == "imsis":
        return tuple(str(_value("imsi", one)) for one in value)
    return tuple(_subscriber(one) for one in value)


def _number(key: str, value: object, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{key}: a number from {low} to {high} is expected, not {value!r}")
    return value


def _subscriber(raw: object) -> tuple[str, str]:
    if isinstance(raw, Mapping) and set(raw) <= {"name", "number"} and "number" in raw:
        number = raw["number"]
        if isinstance(number, str) and re.fullmatch(r"\+?[0-9*#]{1,20}", number):
            return str(raw.get("name", "")), number
    raise ValueError(f"numbers: {{name: ..., number: \"+...\"}} is expected, not {raw!r}")


def _file(raw: object) -> FileChange:
    if not isinstance(raw, Mapping) or "path" not in raw:
        raise ValueError(f"files: each needs a path, as 3F00/7FFF/6F46; not {raw!r}")
    unknown = set(raw) - {"path", "hex", "absent", "structure", "size", "records", "rule", "sfi"}
    if unknown:
        raise ValueError(f"files: no such key: {', '.join(sorted(map(str, unknown)))}")
    path = str(raw["path"])
    if not re.fullmatch(r"[0-9A-Fa-f]{4}(/[0-9A-Fa-f]{4})*", path):
        raise ValueError(f"files: the path {path!r} is not like 3F00/7FFF/6F46")
    fids = tuple(int(part, 16) for part in path.split("/"))
    structure, rule, content = raw.get("structure"), raw.get("rule"), raw.get("hex")
    if structure is not None and structure not in STRUCTURES:
        raise ValueError(f"files: {path}: the structure is one of {', '.join(STRUCTURES)}")
    if rule is not None and rule not in RULES:
        raise ValueError(f"files: {path}: the rule is one of {', '.join(RULES)}")
    try:
        data = None if content is None else bytes.fromhex(str(content))
    except ValueError:
        raise ValueError(f"files: {path}: hex is no hexadecimal text") from None
    return FileChange(
        fids[1:] if fids[0] == MASTER else fids, data, bool(raw.get("absent", False)),
        None if structure is None else STRUCTURES[str(structure)],
        None if "size" not in raw else _number(f"files: {path}: size", raw["size"], 1, _MAX_FILE),
        None if "records" not in raw else _number(f"files: {path}: records", raw["records"], 1, _MAX_RECORD),
        None if rule is None else RULES[str(rule)],
        None if "sfi" not in raw else _number(f"files: {path}: sfi", raw["sfi"], 0, 30))


