"""A card made from its profile: the standard's layout, the subscriber's data, the profile's changes."""

from __future__ import annotations

from cellbench.base.errors import OperatorError
from cellbench.virtual.uicc import coding, layout
from cellbench.virtual.uicc.aka import Aka
from cellbench.virtual.uicc.applet import MultiImsi
from cellbench.virtual.uicc.card import Card
from cellbench.virtual.uicc.fcp import tlv
from cellbench.virtual.uicc.files import MASTER, Df, Ef, Structure, applications, located
from cellbench.virtual.uicc.layout import Line
from cellbench.virtual.uicc.milenage import Milenage
from cellbench.virtual.uicc.pins import ADM1, ADM3, PIN1, PIN2, Pin, Pins, padded
from cellbench.virtual.uicc.profile import CardProfile, FileChange, load_profile, named
from cellbench.virtual.uicc.toolkit import NAA_INITIALISATION, refresh

MEMORY = 0x4286  # as the LENA-R8 guide prints it (Table 46)
E_UTRAN = b"\x40\x00"  # access technology identifier (TS 31.102 4.2.5)
TON_NPI_SMSC_ONLY = b"\xfd"  # EF_SMSP: of its parameters the service centre alone (TS 31.102 4.2.27)


def card_of(profile: CardProfile) -> Card:
    """A new card. Raises ValueError when the profile names a file that cannot be."""
    master = Df(MASTER, "MF", layout.OF_DF, layout.MF_ARR, layout.MF_ARR, layout.MF_PINS)
    _fill(master, layout.MASTER_FILES)
    telecom = Df(layout.DF_TELECOM, "TELECOM", layout.OF_DF, layout.MF_ARR, layout.INNER_ARR, layout.DF_PINS)
    master.add(telecom)
    _fill(telecom, layout.TELECOM_FILES)
    usim = _application(master, 0x7FF0, "USIM", layout.USIM_AID, layout.USIM_FILES)
    gsm = Df(layout.DF_GSM_ACCESS, "GSM-ACCESS", layout.OF_DF, layout.INNER_ARR, layout.INNER_ARR,
             layout.DF_PINS)
    usim.add(gsm)
    _fill(gsm, layout.GSM_ACCESS_FILES)
    if profile.isim:
        _personalise_isim(_application(master, 0x7FF1, "ISIM", layout.ISIM_AID, layout.ISIM_FILES), profile)
    _directory(master)
    _personalise(master, profile)
    for change in profile.files:
        _change(master, change)
    key = bytes.fromhex(profile.k)
    milenage = (Milenage.with_op(key, bytes.fromhex(profile.op)) if profile.op
                else Milenage(key, bytes.fromhex(profile.opc)))
    card = Card(master, _pins(profile), Aka(milenage, int(profile.sqn, 16)), channels=profile.channels,
                memory=MEMORY, iso_select=profile.iso_select)
    if profile.swap_on_reject:
        card.applet = MultiImsi((profile.imsi, *profile.imsis), lambda imsi: swap(card, imsi, profile))
    return card


def swap(card: Card, imsi: str, profile: CardProfile) -> None:
    """Another identity into the files, and a REFRESH that waits."""
    subscribe(card.master, imsi, imsi[:3 + profile.mnc_digits])
    card.toolkit.waiting.append(refresh(NAA_INITIALISATION))


def profile_named(name: str) -> CardProfile:
    """The card that comes with the package under this name, or that of a profile file. Raises OperatorError
    when it cannot be read, understood or built."""
    path = named(name)
    profile = load_profile(path)
    try:
        for one in (profile, *profile.profiles):
            card_of(one)
    except ValueError as error:
        raise OperatorError(f"{path}: {error}", remedy="docs/virtual-uicc.md describes the keys") from None
    return profile


def _pins(profile: CardProfile) -> Pins:
    return Pins({
        PIN1: Pin(padded(profile.pin), padded(profile.puk), enabled=profile.pin_enabled),
        PIN2: Pin(padded(profile.pin2), padded(profile.puk2), fixed=True),
        ADM1: Pin(padded(profile.adm), fixed=True),
        ADM3: Pin(padded(profile.adm), fixed=True),
    })


def _application(master: Df, fid: int, name: str, aid: bytes, lines: tuple[Line, ...]) -> Df:
    made = Df(fid, name, layout.OF_DF, layout.MF_ARR, layout.INNER_ARR, layout.APPLICATION_PINS, aid, name)
    master.add(made)
    _fill(made, lines)
    return made


def _fill(df: Df, lines: tuple[Line, ...]) -> None:
    for line in lines:
        size = line.size * max(line.records, 1)
        content = bytearray(b"\xff" * size if line.content is None else line.content)
        ef = Ef(line.fid, line.name, line.structure, content, line.rule, line.sfi,
                line.size if line.records else 0)
        df.add(ef)
        if line.name == "ARR":
            for number, record in enumerate(layout.RULES, start=1):
                ef.write(number, record.ljust(line.size, b"\xff"))
        elif line.fid == layout.SMS:
            for number in range(1, ef.records + 1):
                ef.write(number, b"\0" + b"\xff" * (line.size - 1))  # free space (TS 31.102 4.2.25)


def _directory(master: Df) -> None:
    """EF_DIR: an application template for each application (13.1)."""
    directory = _ef(master, layout.DIR)
    for number, one in enumerate(applications(master), start=1):
        entry = tlv(0x61, tlv(0x4F, one.aid) + tlv(0x50, one.label.encode("ascii")))
        directory.write(number, entry.ljust(directory.record, b"\xff"))


def _ef(df: Df, *path: int) -> Ef:
    found = located(df, path)
    if not isinstance(found, Ef):
        raise ValueError(f"the card has no file {'/'.join(f'{fid:04X}' for fid in path)}")
    return found


def _put(df: Df, fid: int, content: bytes, record: int = 0) -> None:
    ef = _ef(df, fid)
    if record:
        ef.write(record, content)
    else:
        ef.content[:len(content)] = content


def _personalise(master: Df, profile: CardProfile) -> None:
    usim = applications(master)[0]
    _put(master, layout.ICCID, coding.swapped(profile.iccid))
    _put(usim, layout.AD, bytes([0, 0, 0, profile.mnc_digits]))  # TS 31.102 4.2.18
    _put(usim, layout.UST, coding.service_table(*layout.USIM_SERVICES, size=12))
    _put(usim, layout.SPN, b"\x01" + profile.spn.encode("ascii").ljust(16, b"\xff"))
    subscribe(master, profile.imsi, profile.home)
    for place, (name, number) in enumerate(profile.numbers, start=1):
        for df in (usim, located(master, (layout.DF_TELECOM,))):
            if isinstance(df, Df):
                ef = _ef(df, layout.MSISDN)
                ef.write(place, coding.number_record(name, number, ef.record))
    if profile.smsc:
        ef = _ef(usim, layout.SMSP)
        centre = coding.dialling(profile.smsc)
        ef.write(1, b"\xff" * (ef.record - 28) + TON_NPI_SMSC_ONLY + b"\xff" * 12 + centre + b"\xff" * 3)


def _personalise_isim(isim: Df, profile: CardProfile) -> None:
    """Identities derived from the IMSI (TS 23.003 13.2 to 13.4)."""
    mnc = profile.home[3:].rjust(3, "0")
    domain = f"ims.mnc{mnc}.mcc{profile.home[:3]}.3gppnetwork.org"
    name = f"{profile.imsi}@{domain}"
    for fid, text in ((0x6F02, name), (0x6F03, domain)):
        _put(isim, fid, tlv(0x80, text.encode("ascii")))
    impu = _ef(isim, 0x6F04)
    impu.write(1, tlv(0x80, f"sip:{name}".encode("ascii"))[:impu.record].ljust(impu.record, b"\xff"))


def subscribe(master: Df, imsi: str, home: str) -> None:
    """Put a subscriber into the USIM: identity, access class, home network; the last places and the
    networks that refused the former one are forgotten."""
    usim = applications(master)[0]
    _put(usim, layout.IMSI, coding.imsi_file(imsi))
    _put(usim, layout.ACC, coding.access_class(imsi))
    _put(usim, layout.HPLMN_WACT, coding.plmn(home) + E_UTRAN)
    for fid in (*layout.LOCATIONS, layout.FPLMN):
        ef = _ef(usim, fid)
        ef.content[:] = b"\xff" * len(ef.content)


def _change(master: Df, change: FileChange) -> None:
    place = "/".join(f"{fid:04X}" for fid in change.path)
    df = located(master, change.path[:-1])
    if not change.path or not isinstance(df, Df):
        raise ValueError(f"files: {place}: no such directory")
    found = df.child(change.path[-1])
    if change.absent:
        if found is not None:
            df.children.remove(found)
        return
    if isinstance(found, Df):
        raise ValueError(f"files: {place}: a directory has no content")
    if found is None or change.size is not None or change.structure is not None:
        found = _made(df, found, change, place)
    if change.rule is not None:
        found.rule = change.rule
    if change.sfi is not None:
        found.sfi = change.sfi
    if change.content is not None:
        if len(change.content) > len(found.content):
            raise ValueError(f"files: {place}: {len(change.content)} bytes are more than its "
                             f"{len(found.content)}")
        found.content[:len(change.content)] = change.content


def _made(df: Df, old: Ef | None, change: FileChange, place: str) -> Ef:
    """A file that the layout does not have, or has with another size."""
    structure = change.structure or (old.structure if old is not None else
                                     Structure.LINEAR if change.records else Structure.TRANSPARENT)
    size = change.size or (old.record or len(old.content) if old is not None else 0)
    if not size:
        raise ValueError(f"files: {place}: the layout has no such file, so its size must be given")
    transparent = structure is Structure.TRANSPARENT
    records = 1 if transparent else change.records or (old.records if old is not None else 1)
    if old is not None:
        df.children.remove(old)
    made = Ef(change.path[-1], old.name if old is not None else f"{change.path[-1]:04X}", structure,
              bytearray(b"\xff" * (size * records)), old.rule if old is not None else layout.PIN_ADM,
              old.sfi if old is not None else 0, 0 if transparent else size)
    df.add(made)
    return made
