"""Packet data contexts and bearers (27.007 clause 10; LENA-R8 guide 7.2, LARA-R6 guide 2.1 and 2.3)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from cellbench.virtual.device.network import Rat
from cellbench.virtual.front.context import Refusal

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module

CLAT_ADDRESS = "192.0.0.4"  # RFC 7335: the host's side of 464XLAT

# Contexts that an operator profile of LARA-R6 brings (application note): cid, type, APN; "d" and "v" say
# which product kinds take the row (data only, voice).
_OPERATOR_CONTEXTS: Mapping[int, tuple[tuple[int, str, str, str], ...]] = MappingProxyType({
    2: ((1, "IPV4V6", "broadband", "d"), (1, "IPV4V6", "nxtgenphone", "v"),
        (2, "IPV4V6", "attm2mglobal", "dv"),
        (11, "IPV4V6", "ims", "dv")),
    3: ((1, "IPV4V6", "ims", "dv"), (2, "IPV4V6", "VZWADMIN", "dv"), (3, "IPV4V6", "VZWINTERNET", "dv"),
        (4, "IPV4V6", "VZWAPP", "dv"), (6, "IPV4V6", "VZWCLASS6", "dv"), (7, "IPV4V6", "VZWCLASS7", "dv"),
        (8, "IPV4V6", "VZWEMERGENCY", "dv")),
    206: ((1, "IPV4V6", "firstnet-broadband", "d"), (1, "IPV4V6", "firstnet-phone", "v"),
          (2, "IPV4V6", "attiotfirstnet.fn", "dv"), (11, "IPV4V6", "ims", "dv")),
    100: ((1, "IP", "", "dv"),),  # LARA-R6 guide 2.3.1 prints context 1 alone in this profile
})
_OTHER_PROFILES = ((1, "IP", "", "dv"), (11, "IPV4V6", "ims", "dv"))


@dataclass(slots=True)
class Context:
    """One context: what the user defined and what the network gave."""

    cid: int
    pdp_type: str = "IP"  # IP, IPV6, IPV4V6
    apn: str = ""
    active: bool = False
    granted: str = ""  # the type the network gave, "" while not active
    ipv4: str | None = None  # given by the network while active
    ipv6: str | None = None
    gateway: str | None = None
    dns: tuple[str, ...] = ()  # the network's resolvers, primary first
    order: int = 0  # grows with each activation
    bearer: int = 0  # EPS bearer identity, 5 to 15 (24.007 11.2.3.1.5)
    since: float = 0.0  # when it was activated, on the loop's clock
    xlat: bool = False  # IPv4 is carried over IPv6 (464XLAT)

    @property
    def carries_ipv4(self) -> bool:
        """True when IPv4 packets can be sent, translated or not."""
        return self.active and (self.ipv4 is not None or self.xlat)

    @property
    def carries_ipv6(self) -> bool:
        """True when IPv6 packets can be sent."""
        return self.active and self.ipv6 is not None


class Contexts:
    """All contexts of a module."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._all: dict[int, Context] = {}
        self._listeners: list[Callable[[Context, bool], None]] = []
        self._order = 0
        self._grants = 0
        self.credentials: dict[int, tuple[int, str, str]] = {}  # what the network saw: type, user, password
        self.dialled: set[int] = set()  # contexts of PPP links

    # life
    @property
    def initial_cid(self) -> int:
        """The context the network opens by itself on LTE."""
        return self._module.profile.bearers.default_cid.value

    @property
    def ims_cid(self) -> int:
        """The context of IMS."""
        return self._module.profile.bearers.ims_cid.value

    def power_on(self) -> None:
        """Definitions as NVM or the operator profile have them; nothing is active."""
        self._all = {cid: Context(cid, kind, apn) for cid, (kind, apn) in self._stored().items()}
        self._order = 0

    def power_off(self) -> None:
        """Everything ends without a word."""
        for context in self.active():
            self._clear(context)
        self._listeners.clear()
        self._all.clear()

    def _profile_rows(self) -> dict[int, tuple[str, str]]:
        if "+UMNOPROF" in self._module.profile.unsupported:
            return {}
        number = self._module.settings.number("+UMNOPROF", 90)
        kind = "v" if self._module.profile.voice else "d"
        return {cid: (pdp, apn) for cid, pdp, apn, kinds in _OPERATOR_CONTEXTS.get(number, _OTHER_PROFILES)
                if kind in kinds}

    def _stored(self) -> dict[int, tuple[str, str]]:
        rows = self._profile_rows()
        for cid, value in self._module.settings.mapping("+CGDCONT").items():
            if isinstance(value, (list, tuple)) and len(value) == 2:
                rows[int(cid)] = (str(value[0]), str(value[1]))
            else:
                rows.pop(int(cid), None)
        return rows

    # definitions
    def defined(self) -> tuple[Context, ...]:
        """Defined contexts by number; the reserved initial bearer is among them."""
        if self._module.config.behaviour.initial_reserved:
            self._all.setdefault(self.initial_cid, Context(self.initial_cid))
        return tuple(self._all[cid] for cid in sorted(self._all)
                     if cid != self.ims_cid or self._ims_visible())

    def _ims_visible(self) -> bool:
        return self._all[self.ims_cid].active or not self._module.config.behaviour.initial_reserved

    def define(self, cid: int, pdp_type: str, apn: str) -> None:
        """+CGDCONT=<cid>,...; an active context keeps what the network gave until it is activated anew."""
        context = self._all.setdefault(cid, Context(cid))
        context.pdp_type, context.apn = pdp_type, apn
        self._store(cid, [pdp_type, apn])

    def undefine(self, cid: int) -> None:
        """+CGDCONT=<cid>: the definition goes; refused while the context is active."""
        context = self._all.get(cid)
        if context is None:
            return
        if context.active:
            raise Refusal.cme(3)
        del self._all[cid]
        self._store(cid, None)

    def _store(self, cid: int, value: list[str] | None) -> None:
        stored = self._module.settings.mapping("+CGDCONT")
        stored[str(cid)] = value
        self._module.settings.store("+CGDCONT", stored)

    def get(self, cid: int) -> Context | None:
        """A defined context."""
        return self._all.get(cid)

    # which context carries what
    def active(self) -> tuple[Context, ...]:
        """Active contexts, first activated first, all (the initial bearer and IMS too)."""
        return tuple(sorted((one for one in self._all.values() if one.active), key=lambda one: one.order))

    def reserved(self, cid: int) -> bool:
        """True for a context that is the network's: IMS, and on LENA-R8 the initial one."""
        reserved = self._module.config.behaviour.initial_reserved
        return cid == self.ims_cid or (cid == self.initial_cid and reserved)

    def usable(self, cid: int) -> Context | None:
        """The context when an embedded client may send through it now: active, an address, not reserved
        for the network (LENA-R8: context 0; both: IMS) nor a PPP link's own, and the module registered."""
        context = self._all.get(cid)
        if context is None or not context.active or self.reserved(cid) or not self._module.radio.registered:
            return None
        if cid in self.dialled and not self._module.config.behaviour.ppp_shares_context:
            return None
        return context

    def _user_contexts(self) -> list[Context]:
        return [one for one in self.active() if self.usable(one.cid) is not None]

    def _preferred_cid(self) -> int | None:
        """The context of +UDCONF=19, taken at the boot; None where the series has no such choice."""
        if not self._module.profile.bearers.internet_follows_udconf19:
            return None
        values = self._module.radio.boot_udconf19
        return values[0] if values else 1

    def for_socket(self, cid: int | None) -> Context | None:
        """The context of an embedded socket: the given <cid>, else the series' default (LENA-R8: 1,
        falling back to the first activated; LARA-R6: +UDCONF=19, factory 1). None when not usable."""
        if cid is not None:
            return self.usable(cid)
        preferred = self._preferred_cid()
        if preferred is not None:
            return self.usable(preferred)
        return self.usable(1) or self.for_client()

    def for_client(self) -> Context | None:
        """The context of an embedded client without a choice (LENA-R8 7.2.2: first activated)."""
        preferred = self._preferred_cid()
        if preferred is not None:
            return self.usable(preferred)
        mine = self._user_contexts()
        return mine[0] if mine else None

    def for_dns(self) -> Context | None:
        """The context of DNS and ping (LENA-R8 7.2.2: last activated; LARA-R6: +UDCONF=19)."""
        preferred = self._preferred_cid()
        if preferred is not None:
            return self.usable(preferred)
        mine = self._user_contexts()
        return mine[-1] if mine else None

    @property
    def blocked(self) -> bool:
        """True while user data stands still (control verb ``link state=blocked``, a call in 2G)."""
        return not self._module.network.passes

    def traffic(self) -> None:
        """User data passes: the radio connection is in use."""
        self._module.radio.transmitting()

    def on_change(self, listener: Callable[[Context, bool], None]) -> None:
        """Call ``listener(context, active)`` at each activation and deactivation, until power-off."""
        self._listeners.append(listener)

    # activation
    def initial_apn(self) -> tuple[str, str]:
        """Type and APN asked for at the LTE attach; an empty APN leaves it to the network."""
        if self._module.config.behaviour.initial_reserved:
            values = self._module.settings.items("+CFGDFTPDN")
            kind = {1: "IP", 2: "IPV6", 3: "IPV4V6"}.get(values[0] if values else 1, "IP")  # type: ignore[call-overload]
            return kind, str(values[2]) if len(values) > 2 else ""
        context = self._all.get(self.initial_cid)
        return (context.pdp_type, context.apn) if context is not None else ("IP", "")

    def attach(self) -> None:
        """The network opens the initial bearer (LTE); +CGEV tells of it where the series does."""
        kind, apn = self.initial_apn()
        context = self._all.setdefault(self.initial_cid, Context(self.initial_cid, kind, apn))
        if self._module.config.behaviour.initial_reserved:
            context.pdp_type = kind
            context.apn = apn or self._module.network.facts.default_apn
        self._grant(context, kind)
        self._module.radio.packet_event(f"ME PDN ACT {context.cid}")
        if self._module.network.ims:
            self.ims(on=True)

    def ims(self, *, on: bool) -> None:
        """The IMS bearer comes and goes by itself; only its end is told (LENA-R8 guide 13.1)."""
        context = self._all.setdefault(self.ims_cid, Context(self.ims_cid, "IPV4V6", "ims"))
        if on and not context.active and self._module.radio.registered:
            self._grant(context, "IP")
        elif not on and context.active:
            self._clear(context)
            self._module.radio.packet_event(f"NW PDN DEACT {context.cid}")

    async def activate(self, cid: int) -> None:
        """+CGACT=1,<cid>; Refusal when the network or the limits say no."""
        module, behaviour = self._module, self._module.config.behaviour
        context = self._all.get(cid)
        if self.reserved(cid):
            raise Refusal.cme(3)
        if context is None:
            raise Refusal.cme(behaviour.cid_undefined_error)
        if not module.radio.registered:
            raise Refusal.cme(behaviour.not_attached_error)
        if context.active:
            return
        if sum(one.cid != self.ims_cid for one in self.active()) >= behaviour.primary_contexts:
            raise Refusal.cme(behaviour.contexts_full_error)
        module.radio.activity()
        await module.pace.take(behaviour.activate_s)
        self._ask(context)
        self._grant(context, context.pdp_type)
        module.radio.packet_event(f"ME PDN ACT {cid}")

    def _ask(self, context: Context) -> None:
        """The network's answer to a request; Refusal, with the cause kept for +CEER."""
        module = self._module
        self.credentials[context.cid] = self.authentication(context.cid)
        if not module.radio.registered:
            raise Refusal.cme(module.config.behaviour.not_attached_error)
        if not module.network.knows_apn(context.apn):
            module.radio.note_cause("ESM cause", 27)
            raise Refusal.cme(module.config.behaviour.apn_unknown_error)
        if not self._grantable(context.pdp_type):
            only_v6 = module.network.pdp_type == "IPV6"
            module.radio.note_cause("ESM cause", 51 if only_v6 else 50)
            raise Refusal.cme(1561 if only_v6 else 1560)

    def _grantable(self, asked: str) -> bool:
        offered = self._module.network.pdp_type
        return "IPV4V6" in (asked, offered) or asked == offered

    def authentication(self, cid: int) -> tuple[int, str, str]:
        """Type, user and password of +UAUTHREQ for a context."""
        value = self._module.settings.mapping("+UAUTHREQ").get(str(cid))
        if isinstance(value, (list, tuple)) and len(value) == 3 and isinstance(value[0], int):
            return value[0], str(value[1]), str(value[2])
        return 0, "", ""

    async def deactivate(self, cid: int) -> None:
        """+CGACT=0,<cid>; refused for the last PDN connection on LTE."""
        module = self._module
        context = self._all.get(cid)
        if self.reserved(cid):
            raise Refusal.cme(3)
        if context is None:
            raise Refusal.cme(module.config.behaviour.cid_undefined_error)
        if not context.active:
            return
        others = [one for one in self.active() if one is not context and one.cid != self.ims_cid]
        if module.network.rat is Rat.LTE and not others:
            raise Refusal.cme(module.config.behaviour.last_pdn_error)
        await module.pace.take(module.config.behaviour.deactivate_s)
        if context.active:
            self._clear(context)
            module.radio.packet_event(f"ME PDN DEACT {cid}")

    def network_deactivates(self, cid: int) -> bool:
        """The network closes a context; False when it was not active."""
        context = self._all.get(cid)
        if context is None or not context.active:
            return False
        self._clear(context)
        self._module.radio.packet_event(f"NW PDN DEACT {cid}")
        return True

    def lose_address(self, cid: int) -> bool:
        """A fault: an active context goes on without its addresses; False for one that is not active."""
        context = self._all.get(cid)
        if context is None or not context.active:
            return False
        context.ipv4 = context.ipv6 = context.gateway = None
        context.dns, context.xlat = (), False
        return True

    def drop_all(self) -> None:
        """Detached: every context ends."""
        for context in self.active():
            self._clear(context)

    def leave_lte(self) -> None:
        """A legacy RAT has no initial bearer; the user's contexts are kept (LENA-R8 guide 7.4)."""
        context = self._all.get(self.initial_cid)
        if context is not None and context.active and self._module.config.behaviour.initial_reserved:
            self._clear(context)

    def _grant(self, context: Context, asked: str) -> None:
        network = self._module.network
        granted = asked if network.pdp_type == "IPV4V6" else network.pdp_type if asked == "IPV4V6" else asked
        self._grants += 1
        self._order += 1
        context.active, context.order, context.granted = True, self._order, granted
        context.since = self._module.pace.now()
        taken = {one.bearer for one in self._all.values() if one is not context}
        context.bearer = next(number for number in range(5, 16) if number not in taken)
        seed = hashlib.sha256(f"{self._module.name}/{context.cid}/{self._grants}".encode()).digest()
        base = "10." + ".".join(str(1 + byte % 253) for byte in seed[:3])
        context.ipv4 = base if granted in ("IP", "IPV4V6") else None
        context.ipv6 = (f"2001:db8:{seed[3]:x}:{seed[4]:x}::{seed[5]:x}{seed[6]:02x}"
                        if granted in ("IPV6", "IPV4V6") else None)
        context.gateway = base.rpartition(".")[0] + ".254" if context.ipv4 else None
        context.dns = network.facts.dns
        context.xlat = granted == "IPV6" and self._module.radio.xlat
        if self._module.stuck.addressless:
            self.lose_address(context.cid)
        self._tell(context, True)

    def _clear(self, context: Context) -> None:
        context.active, context.granted = False, ""
        context.ipv4 = context.ipv6 = context.gateway = None
        context.dns, context.order, context.bearer, context.xlat = (), 0, 0, False
        self._tell(context, False)

    def _tell(self, context: Context, active: bool) -> None:
        for listener in tuple(self._listeners):
            listener(context, active)
