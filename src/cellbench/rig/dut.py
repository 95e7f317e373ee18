"""The DUT: an identified module in a slot, and what procedures do with it in one line."""

from __future__ import annotations

import enum
import time
from collections.abc import Callable
from dataclasses import dataclass

from cellbench.base.clock import Deadline
from cellbench.base.errors import NetworkError, UnitError
from cellbench.catalogue.modules.model import ModuleProfile
from cellbench.host.answer import Answer
from cellbench.host.certificates import Certificates
from cellbench.host.channel import Channel
from cellbench.host.clients.calls import CallClient
from cellbench.host.clients.coap import CoapClient
from cellbench.host.clients.ftp import FtpClient
from cellbench.host.clients.http import HttpClient
from cellbench.host.clients.mqtt import MqttClient
from cellbench.host.clients.mqttsn import MqttSnClient
from cellbench.host.clients.sim import SimClient
from cellbench.host.clients.sms import SmsClient
from cellbench.host.errors import AtError
from cellbench.host.files import Files
from cellbench.host.mux import Mux
from cellbench.host.mux_settings import MuxParameters
from cellbench.host.ppp import PppLink
from cellbench.host.ppp_model import PppDial
from cellbench.host.raw import RawTalk
from cellbench.host.security import Security
from cellbench.host.sockets import Sockets
from cellbench.host.urcview import UrcView
from cellbench.rig.reboot import await_reboot
from cellbench.rig.slot import Slot

_POLL_S = 0.2
_REGISTERED = frozenset({1, 5, 6, 7, 9, 10})  # 3GPP TS 27.007 10.1.22: home, roaming and their kinds
_SEARCH_S = 300.0


class DutState(enum.Enum):
    """States that a procedure may ask for, each including the ones before it."""

    OFF = "off"
    READY = "ready"  # answers AT, +CMEE=2, no socket open
    REGISTERED = "registered"
    ONLINE = "online"  # the user's context is active


@dataclass(frozen=True, slots=True)
class Identity:
    """What the module and its SIM say of themselves; "" where the SIM did not answer."""

    model: str
    firmware: str
    imei: str
    iccid: str = ""
    imsi: str = ""


@dataclass(slots=True)
class Dut:
    """A module under test.

    ``at`` is the main AT channel: the UART where the slot has one, else the first AT port on USB. A reboot
    into a composition without that port (LARA-R6, +USIO) makes another one the main port, until ``home``, the
    role of the first, is there again.
    """

    slot: Slot
    at: Channel
    home: str = ""

    @property
    def profile(self) -> ModuleProfile:
        """The facts of the module's series and variant."""
        return self.slot.profile

    @property
    def cid(self) -> int:
        """The context that user data goes by: the first of the series' user contexts."""
        return self.profile.bearers.user_cids.value[0]

    def port(self, role: str) -> Channel:
        """Another AT channel of the same module (``at0``, ``uart`` ...)."""
        return self.slot.channel(role)

    def everywhere(self, *channels: Channel) -> UrcView:
        """The URCs of these channels (default: all that are in use) as one log, copies of an event once:
        ``with dut.everywhere() as view, view.expect("+CTZV") as change: ...``."""
        return UrcView({one.name: one for one in channels or tuple(self.slot.channels.values())})

    def send(
        self, line: str, *, payload: bytes | None = None, timeout_s: float | None = None, check: bool = True
    ) -> Answer:
        """Send one command line as printed; see Channel.send."""
        return self.at.send(line, payload=payload, timeout_s=timeout_s, check=check)

    def ensure(self, line: str) -> bool:
        """Write a stored setting (``"AT+UPSV=4"``) only if the module does not hold it; see
        Channel.ensure."""
        return self.at.ensure(line)

    @property
    def files(self) -> Files:
        """The module's file system: put, get, list, free, delete."""
        return Files(self.at)

    @property
    def certificates(self) -> Certificates:
        """Certificates and keys in the module: put, list, md5, remove."""
        return Certificates(self.at)

    @property
    def security(self) -> Security:
        """The security profiles: apply a SecurityProfile, read, watch for sessions."""
        return Security(self.at)

    @property
    def sockets(self) -> Sockets:
        """Sockets as objects: ``with dut.sockets.tcp() as one: one.connect(host, 7)``."""
        return Sockets(self.at)

    @property
    def calls(self) -> CallClient:
        """Voice calls: dial, answer, hang up, what +CLCC lists."""
        return CallClient(self.at)

    def sms(self) -> SmsClient:
        """Short messages: ``with dut.sms() as sms: sms.send("+39...", "Hello")``."""
        return SmsClient(self.at)

    def sim(self) -> SimClient:
        """The SIM: ``dut.sim().read(FileId.IMSI)``, its commands, its PINs, its logical channels."""
        return SimClient(self.at)

    def http(self, profile: int = 0) -> HttpClient:
        """The HTTP client on a profile: ``dut.http().use(HttpServer("httpbin.org")).get("/")``."""
        return HttpClient(self.at, profile)

    def ftp(self) -> FtpClient:
        """The FTP client: ``with dut.ftp().use(FtpServer(name)).session() as ftp: ftp.get("data.zip")``."""
        return FtpClient(self.at)

    def coap(self) -> CoapClient:
        """The CoAP client (LARA-R6): ``dut.coap().use(CoapServer("coap.me")).get("/hello")``."""
        return CoapClient(self.at)

    def mqttsn(self) -> MqttSnClient:
        """The MQTT-SN client: ``with dut.mqttsn().use(MqttSnGateway(host, 10000)).session() as sn: ...``."""
        return MqttSnClient(self.at)

    def mqtt(self) -> MqttClient:
        """The MQTT client: ``with dut.mqtt().use(MqttServer("host")) as mqtt: mqtt.publish("a", "b")``."""
        return MqttClient(self.at)

    def mux(self, *, parameters: MuxParameters | None = None, channels: int | None = None) -> Mux:
        """A multiplexer on the UART: ``with dut.mux() as mux: mux.channel(1).send("AT")``."""
        return Mux(self.port("uart"), parameters=parameters, channels=channels, group=self.slot.ports.group)

    def over(self, channel: Channel) -> Dut:
        """The same module over another of its channels: its clients, its sockets go there."""
        return Dut(self.slot, channel)

    def ppp(self, cid: int | None = None, user: str = "", password: str = "", *, ipv6: bool = False,
            port: str | Channel | None = None, dial: PppDial | None = None) -> PppLink:
        """A data call by PPP, ended on this host: ``with dut.ppp() as link: link.fetch("http://httpbin.org/")``.

        ``port``: the role or channel that it takes, else the main one; ``dial`` says everything else, in
        place of ``cid``, ``user``, ``password`` and ``ipv6``.
        """
        channel = self.port(port) if isinstance(port, str) else port or self.at
        asked = dial or PppDial(self.cid if cid is None else cid, user, password, ipv6=ipv6)
        return PppLink(channel, asked)

    def raw(self, channel: Channel | None = None) -> RawTalk:
        """The bytes of a channel (default: the main one): echo, silence, rubbish."""
        return RawTalk(channel or self.at, self.slot.trace)

    def identify(self, *, sim: bool = True) -> Identity:
        """Ask model, firmware, IMEI, and the SIM's numbers."""
        lines = self.send("ATI0I9").info
        imei = self.send("AT+CGSN").text
        iccid = imsi = ""
        if sim:
            iccid = str(self._after_sim_busy("AT+CCID").value("+CCID")[0])
            imsi = self._after_sim_busy("AT+CIMI").text
        return Identity(lines[0], lines[1] if len(lines) > 1 else "", imei, iccid, imsi)

    def registration(self) -> int:
        """<stat> of +CEREG, or of +CREG where that is further (3GPP TS 27.007 7.2, 10.1.22)."""
        stats = []
        for name in ("+CEREG", "+CREG"):
            fields = self.send(f"AT{name}?").value(name)
            numbers = [field for field in fields[:2] if isinstance(field, int)]
            # LENA-R8 leaves out <n> in +CREG? (module facts 16, quirk 1)
            stats.append(numbers[-1] if numbers else 0)
        return next((stat for stat in stats if stat in _REGISTERED), stats[0])

    def register(self, timeout_s: float = _SEARCH_S, *, first: Callable[[], object] | None = None) -> float:
        """Wait until the module is registered; seconds it took. ``first`` is called once if it is not yet.
        NetworkError when it is not in time."""
        began = time.monotonic()
        deadline = Deadline.after(timeout_s)
        while (stat := self.registration()) not in _REGISTERED:
            if first is not None:
                first()
                first = None
            if deadline.expired:
                raise NetworkError(
                    f"slot {self.slot.name} is not registered after {timeout_s:g} s, <stat> is {stat}",
                    remedy="look at antenna, SIM and +CEER",
                )
            time.sleep(_POLL_S)
        return time.monotonic() - began

    def wait_registration(self, wanted: Callable[[int], bool], timeout_s: float) -> bool:
        """True when <stat> becomes one that is wanted within ``timeout_s``."""
        deadline = Deadline.after(timeout_s)
        while not wanted(self.registration()):
            if deadline.expired:
                return False
            time.sleep(_POLL_S)
        return True

    def spend_attach(self, cause: str) -> None:
        """Count an attach or detach that the procedure is about to cause."""
        self.slot.budget.spend(cause)

    def activate(self, cid: int | None = None, *, apn: str | None = None) -> int:
        """Make a context usable: define it when an APN is given, activate it, wait for its address."""
        number = self.cid if cid is None else cid
        if not self._is_active(number):
            if apn is not None and not self._is_defined(number):
                self.send(f'AT+CGDCONT={number},"IP","{apn}"')
            self._retry_while_busy(f"AT+CGACT=1,{number}")
        deadline = Deadline.after(30.0)
        while not self.address(number):
            if deadline.expired:
                raise UnitError(f"context {number} is active but has no address")
            time.sleep(_POLL_S)
        return number

    def address(self, cid: int) -> str:
        """The IPv4 address of a context, "" when it has none."""
        for fields in self.send("AT+CGDCONT?").fields("+CGDCONT"):
            if fields and fields[0] == cid and len(fields) > 3:
                text = str(fields[3] or "").removeprefix("IPv4:").split(" ")[0]
                return "" if text in ("", "0.0.0.0") else text
        return ""

    def resolve(self, name: str) -> str:
        """The address of a name by the module's resolver (+UDNSRN); UnitError with its refusal."""
        answer = self.send(f'AT+UDNSRN=0,"{name}"')
        # LENA-R8 now and then puts the URC's prefix before the answer (module facts 16, quirk 6)
        fields = answer.fields("+UDNSRN") or answer.fields("+UUDNSRN")
        if not fields or not isinstance(fields[0][0], str):
            raise UnitError(f"{answer.command}: no address in the answer {list(answer.info)}")
        return fields[0][0]

    def reboot(self) -> float:
        """Reboot by the series' command and wait for AT; seconds from its OK."""
        took = self.reboot_only()
        self.settle()
        return took

    def reboot_only(self) -> float:
        """Reboot and wait for AT; every volatile setting is as the boot left it."""
        self.slot.budget.spend("reboot")
        self.slot.ports.wear.forget()
        for channel in self.slot.channels.values():
            channel.settings.forget()
        wait, before = self.slot.timing.boot_max_s, self.slot.ports.enumeration
        roles = list(self.slot.channels)
        with self.at.declare_reboot(wait):
            self.send(f"AT{self.profile.reboot_command.value}")
            began = time.monotonic()
            if not await_reboot(self.slot, self.at, wait, before):
                self._leave_home(wait)
            elif self.home and self._home_is_there(before, wait):
                self._return_home(wait)
        took = time.monotonic() - began
        for role in roles:
            if role in self.slot.channels and self.slot.channels[role] is not self.at:
                self._rejoin(role)
        return took

    def settle(self) -> None:
        """The settings every procedure begins with: verbose errors, no open socket."""
        self.slot.settled_ns = time.monotonic_ns()
        self.send("AT+CMEE=2")
        self.slot.updating = False
        for number in range(self.profile.sockets.value):
            # identifiers are given from the lowest: with number 0 free nothing is left over
            if not self.send(f"AT+USOCTL={number},0", check=False).ok:
                break
            self.send(f"AT+USOCL={number}", check=False)

    def _leave_home(self, wait_s: float) -> None:
        """The module came up without the port of ``at`` (+USIO): go on by the first one that is there."""
        gone = next(role for role, channel in self.slot.channels.items() if channel is self.at)
        self.home = self.home or gone
        self.slot.ports.drop(gone)
        here = self.slot.roles()[0]
        self.at = self.slot.channel(here)
        self.at.sync(wait_s)
        self.slot.events("port", f"{gone} is not there after the reboot: {here} is the main port", {})

    def _home_is_there(self, before: int, wait_s: float) -> bool:
        """Whether the port that ``at`` had to leave is there again: USB may come later than AT."""
        deadline = Deadline.after(wait_s)
        while (shown := self.slot.ports.shows(self.home, before)) is None and not deadline.expired:
            time.sleep(_POLL_S)
        return bool(shown)

    def _return_home(self, wait_s: float) -> None:
        """The module has the port again that ``at`` had to leave."""
        self.at, home, self.home = self.slot.channel(self.home), self.home, ""
        self.at.sync(wait_s)
        self.slot.events("port", f"{home} is there again and the main port", {})

    def _rejoin(self, role: str) -> None:
        self.slot.ports.drop(role)
        if role in self.slot.roles():  # the module may have come up in another composition
            self.slot.channel(role).sync(self.slot.timing.boot_max_s)

    def _is_active(self, cid: int) -> bool:
        return any(fields[:2] == (cid, 1) for fields in self.send("AT+CGACT?").fields("+CGACT"))

    def _is_defined(self, cid: int) -> bool:
        return any(fields and fields[0] == cid for fields in self.send("AT+CGDCONT?").fields("+CGDCONT"))

    def _retry_while_busy(self, line: str) -> Answer:
        # a fast ERROR just after registration means busy, up to 5 tries (module facts 16, "both")
        for _ in range(4):
            answer = self.send(line, check=False)
            if answer.final.success:
                return answer
            time.sleep(_POLL_S)
        return self.send(line)

    def _after_sim_busy(self, line: str) -> Answer:
        deadline = Deadline.after(15.0)
        while True:
            try:
                return self.send(line)
            except AtError as error:
                if getattr(error, "number", None) not in (14, None) or deadline.expired:
                    raise
                if getattr(error, "number", None) is None and "busy" not in str(error).lower():
                    raise
            time.sleep(_POLL_S)
