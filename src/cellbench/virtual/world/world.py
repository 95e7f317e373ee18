"""Read the world file into frozen shapes.

The file is written by people for people; this is the one place that reads its free forms
("coap.me:5683 udp", "any", "added: does not exist"). Servers get plain definitions (``World.definitions``),
for they live in another room.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import cast

import yaml

from cellbench.base.errors import OperatorError
from cellbench.catalogue.model import Series
from cellbench.catalogue.modules import profile_for
from cellbench.virtual.world.firmware import SERVERS, SLOW_BYTES_S, served

HERE = Path(__file__).resolve().parent
CERTIFICATES = HERE / "certs"
_PLACE = re.compile(r"(?P<host>[A-Za-z0-9._\-]+)(?::(?P<port>\d+))?(?:/\S*)?(?:\s+(?P<transport>udp|tcp))?")
PUBLIC = "dns-public"
"""A resolver that is not the network's own: "dns" does not steer it."""
_SERIES_KEYS = {Series.LENA_R8: "R8", Series.LARA_R6: "R6"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server is in the guides' world; port None: the host as a whole (ICMP); transport None: both."""

    host: str
    port: int | None = None
    transport: str | None = None


@dataclass(frozen=True, slots=True)
class Server:
    """One server of the world: its name in the control vocabulary, its places, the entry as written."""

    name: str
    kind: str
    places: tuple[Place, ...]
    definition: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ModuleFacts:
    """What one series' module says of itself by default; ``imei``: those that the guides print."""

    model: str
    firmware: str | None
    imei: tuple[str, ...]
    factory: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class SimFile:
    """One elementary file of the SIM."""

    number: int
    name: str
    size: int
    hex: str | None
    record: int | None
    writable: bool


@dataclass(frozen=True, slots=True)
class SimFacts:
    """The default SIM; ``apdu``: answers on logical channel 1 by command."""

    pin: str | None
    imsi: tuple[str, ...]
    iccid: tuple[str, ...]
    files: tuple[SimFile, ...]
    logical_channels: int
    apdu: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """What the cellular network is for one series; ``entry`` holds the keys as written."""

    plmn: str | None
    operator: str | None
    apns: tuple[str, ...]
    default_apn: str | None
    default_cid: int
    entry: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class IcmpHost:
    """How one host answers echo requests: TTL at the start of an answer, routers on the way."""

    ttl: int
    hops: int


@dataclass(frozen=True, slots=True)
class World:
    """Everything that the virtual rack offers by default.

    ``names``: name → addresses, IPv4 before IPv6, the first one being what a resolver answers first.
    ``resolvers``: server name → address, in the order primary, secondary, public. ``raw``: the whole file,
    for parts that later readers shape themselves. ``tls``: server name → certificate and key as PEM, and
    what the server narrows. ``clients``: server name → files with a client certificate that it takes, and its
    key. ``apns``: APN, in lower case → the servers that are reached by it alone and alone by it.
    """

    vars: Mapping[str, str]
    modules: Mapping[Series, ModuleFacts]
    sim: SimFacts
    networks: Mapping[Series, NetworkFacts]
    registers_by_itself: bool
    names: Mapping[str, tuple[str, ...]]
    servers: Mapping[str, Server]
    resolvers: Mapping[str, str]
    icmp_hosts: Mapping[str, IcmpHost]
    icmp_latency_s: float
    blackholes: frozenset[str]
    remote_host: str
    raw: Mapping[str, object]
    tls: Mapping[str, Mapping[str, object]]
    clients: Mapping[str, tuple[Path, Path]]
    apns: Mapping[str, frozenset[str]]

    def substitute(self, text: str) -> str:
        """``text`` with every ``{name}`` of ``vars`` replaced; unknown names stay."""
        return re.sub(r"\{(\w+)\}", lambda found: self.vars.get(found[1], found[0]), text)

    def addresses_of(self, host: str) -> tuple[str, ...]:
        """The addresses of a host given by name or address; empty when the world has none."""
        return (host,) if _is_address(host) else self.names.get(host, ())

    def firmware(self) -> Mapping[Series, str]:
        """The firmware that a module of each series is delivered with."""
        return {series: facts.firmware or str(profile_for(series).factory["firmware"])
                for series, facts in self.modules.items()}

    def known_addresses(self) -> frozenset[str]:
        """Every address at which the world has a host."""
        found = {address for addresses in self.names.values() for address in addresses}
        found.update(self.resolvers.values(), self.icmp_hosts)
        for server in self.servers.values():
            found.update(address for place in server.places for address in self.addresses_of(place.host))
        return frozenset(found)

    def definitions(self) -> Mapping[str, object]:
        """Plain definitions of all servers, for the park: name → keys and values. ``server`` names the kind
        of program: echo, icmp, dns, group (several under one name), or the server's own name."""
        plain: dict[str, object] = {name: {"server": name, **server.definition}
                                    for name, server in self.servers.items()}
        names = {name: list(addresses) for name, addresses in self.names.items()}
        for resolver in self.resolvers:
            plain[resolver] = {"server": "dns", "names": names}
        plain["dns"] = {"server": "group", "members": [name for name in self.resolvers if name != PUBLIC]}
        for name, settings in self.tls.items():
            plain[name] = {**_mapping(plain[name]), "tls": dict(settings)}
        packages = served(self.firmware())
        for name in SERVERS:
            plain[name] = {**_mapping(plain[name]), "files": dict(packages), "slow_bytes_s": SLOW_BYTES_S}
        hosts = {address: {"ttl": host.ttl, "hops": host.hops} for address, host in self.icmp_hosts.items()}
        plain["icmp"] = {"server": "icmp", "hosts": hosts, "latency_s": self.icmp_latency_s}
        return plain


def load_world(path: Path | None = None, additions: Path | None = None) -> World:
    """The world in ``path`` (default: the reference world) with what ``additions`` settles.

    Raises OperatorError when a file cannot be read or lacks a part.
    """
    raw = _read(path or HERE / "world.yaml")
    extra = _read(additions or HERE / "additions.yaml")
    try:
        return _shape(raw, extra)
    except (KeyError, TypeError, ValueError) as error:
        raise OperatorError(f"{path or 'the reference world'}: {type(error).__name__}: {error}",
                            remedy="compare with the reference world file") from error


def _read(path: Path) -> dict[str, object]:
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise OperatorError(f"{path}: {error}") from error
    if not isinstance(loaded, dict):
        raise OperatorError(f"{path}: a mapping is expected")
    return loaded


def _shape(raw: Mapping[str, object], extra: Mapping[str, object]) -> World:
    variables = {key: str(value) for key, value in _mapping(raw["vars"]).items()}
    names = _names(_mapping(raw["dns"]), extra)
    icmp = _mapping(extra["icmp"])
    hosts = {str(address): IcmpHost(_int(_mapping(host)["ttl"]), _int(_mapping(host)["hops"]))
             for address, host in _mapping(icmp["hosts"]).items()}
    modules, networks = _mapping(raw["module"]), _mapping(raw["network"])
    resolvers = {name: str(address) for name, address in _mapping(extra["resolvers"]).items()}
    servers, tls = {**_mapping(raw["servers"]), **_mapping(extra["servers"])}, _mapping(extra["tls"])
    apns = {str(apn).lower(): frozenset(_texts(only)) for apn, only in _mapping(extra["apns"]).items()}
    return World(
        vars=MappingProxyType(variables),
        modules={series: _module(_mapping(modules[key])) for series, key in _SERIES_KEYS.items()},
        sim=_sim(_mapping(raw["sim"])),
        networks={series: _network(_mapping(networks[key])) for series, key in _SERIES_KEYS.items()},
        registers_by_itself=bool(networks.get("registers_by_itself", True)),
        names=MappingProxyType(names),
        servers=MappingProxyType(_servers(servers, _mapping(extra["also"]), resolvers)),
        resolvers=MappingProxyType(resolvers),
        icmp_hosts=MappingProxyType(hosts),
        icmp_latency_s=float(str(icmp["latency_s"])),
        blackholes=frozenset({variables["blackhole"]}),
        remote_host=str(extra["remote_host"]),
        raw=MappingProxyType({**raw, "network": {**networks, "apns": list(apns)}}),
        tls=MappingProxyType({name: _tls(_mapping(value)) for name, value in tls.items()}),
        clients=MappingProxyType({name: (CERTIFICATES / files[0], CERTIFICATES / files[1])
                                  for name, value in tls.items()
                                  if (files := _texts(_mapping(value).get("client", [])))}),
        apns=MappingProxyType(apns),
    )


def _tls(entry: Mapping[str, object]) -> Mapping[str, object]:
    """The pairs of files that an entry names, and the rest of it."""
    settings = {key: value for key, value in entry.items() if key not in ("pair", "client")}
    settings |= _pair(str(entry["pair"]))
    if "names" in entry:
        settings["names"] = {name: _pair(str(pair)) for name, pair in _mapping(entry["names"]).items()}
    if "client_roots" in settings:
        roots = CERTIFICATES / str(settings["client_roots"])
        settings["client_roots"] = roots.read_text(encoding="ascii")
    return MappingProxyType(settings)


def _pair(name: str) -> dict[str, str]:
    """Certificate and key, as PEM."""
    return {key: (CERTIFICATES / f"{name}.{ending}").read_text(encoding="ascii")
            for key, ending in (("certificate", "crt"), ("key", "key"))}


def _names(entry: Mapping[str, object], extra: Mapping[str, object]) -> dict[str, tuple[str, ...]]:
    """Name → addresses. A text in place of a list says "any" or "does not exist"."""
    anywhere = _mapping(extra["any"])
    ipv6 = _mapping(extra["ipv6"])
    names: dict[str, tuple[str, ...]] = {}
    for name, value in entry.items():
        if name == "servers" or (isinstance(value, str) and "does not exist" in value):
            continue
        found = _texts(value) if isinstance(value, list) else (str(anywhere[name]),)
        names[name] = (*found, *((str(ipv6[name]),) if name in ipv6 else ()))
    for name, address in anywhere.items():
        names.setdefault(name, (str(address),))
    return names


def _servers(entry: Mapping[str, object], also: Mapping[str, object],
             resolvers: Mapping[str, str]) -> dict[str, Server]:
    servers: dict[str, Server] = {}
    for name, value in entry.items():
        definition = _mapping(value)
        texts = [str(definition[key]) for key in ("at", "also") if key in definition]
        texts += _texts(also.get(name, []))
        places = tuple(place for text in texts for place in (_place(text),) if place is not None)
        kind = str(definition.get("kind", ""))
        servers[name] = Server(name, kind, places, MappingProxyType(dict(definition)))
    for name, address in resolvers.items():
        kind = servers[name].kind if name in servers else "a resolver"
        servers[name] = Server(name, kind, (Place(address, 53),), MappingProxyType({"kind": kind}))
    return servers


def _place(text: str) -> Place | None:
    found = _PLACE.match(text)
    if found is None or "." not in found["host"]:
        return None
    return Place(found["host"], int(found["port"]) if found["port"] else None, found["transport"])


def _module(entry: Mapping[str, object]) -> ModuleFacts:
    firmware = entry.get("firmware")
    factory = MappingProxyType(dict(_mapping(entry["factory"])))
    return ModuleFacts(str(entry["model"]), None if firmware is None else str(firmware),
                       _texts(entry["imei"]), factory)


def _sim(entry: Mapping[str, object]) -> SimFacts:
    pin = str(entry["pin"])
    return SimFacts(
        pin=None if pin == "none" else pin,
        imsi=_texts(entry["imsi"]),
        iccid=_texts(entry["iccid"]),
        files=tuple(_sim_file(int(str(number)), _mapping(value))
                    for number, value in _mapping(entry["ef"]).items()),
        logical_channels=_int(entry["logical_channels"]),
        apdu=MappingProxyType({str(key): str(value) for key, value in _mapping(entry["apdu"]).items()}),
    )


def _sim_file(number: int, entry: Mapping[str, object]) -> SimFile:
    content, record = entry.get("hex"), entry.get("record")
    return SimFile(number, str(entry["name"]), _int(entry["bytes"]),
                   None if content is None else str(content), None if record is None else _int(record),
                   bool(entry.get("writable", False)))


def _network(entry: Mapping[str, object]) -> NetworkFacts:
    def text(key: str) -> str | None:
        return str(entry[key]) if key in entry else None

    return NetworkFacts(text("plmn"), text("operator"), _texts(entry["apns"]), text("default_apn"),
                        _int(entry["default_cid"]), MappingProxyType(dict(entry)))


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise TypeError(f"a mapping is expected, not {value!r}")
    return cast("Mapping[str, object]", value)


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError(f"a list is expected, not {value!r}")
    return tuple(str(item) for item in value)


def _int(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"a number is expected, not {value!r}")
    return value


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
