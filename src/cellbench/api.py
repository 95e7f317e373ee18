"""What suites, fixtures and an OEM's own tests may use; everything else is inside."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from cellbench.base.errors import (
    Aborted,
    CellbenchError,
    NetworkError,
    NotApplicable,
    NotPossible,
    OperatorError,
    Owner,
    RigError,
    ServiceError,
    UnitError,
)
from cellbench.base.protocols import FarSide
from cellbench.campaign.served import Served, find_served
from cellbench.catalogue.diagnosis import polls_for
from cellbench.catalogue.migration import MIGRATION, MigrationRow, migration_row
from cellbench.catalogue.watchdog import Deed, Level, Symptom, ladder_for
from cellbench.host.certificates import CertificateKind, CertificateMissing, Certificates, md5_of
from cellbench.host.channel import Channel
from cellbench.host.clients.blame import ClientError, ClientNetworkError, ClientServiceError, tcp_probe
from cellbench.host.clients.calls import CallClient, CallState, VoiceCall
from cellbench.host.clients.coap import (
    CoapClient,
    CoapMethod,
    CoapProfile,
    CoapResponse,
    CoapServer,
    CoapTransport,
    coap_probe,
)
from cellbench.host.clients.ftp import FtpClient, FtpServer
from cellbench.host.clients.ftp_link import FtpLink
from cellbench.host.clients.ftp_list import FtpEntry
from cellbench.host.clients.http import HttpClient, HttpServer, Response
from cellbench.host.clients.mqtt import MessageForm, MqttClient, MqttMessage
from cellbench.host.clients.mqtt_settings import MqttServer, MqttSettingNotKept, MqttWill
from cellbench.host.clients.mqttsn import MqttSnClient, mqttsn_probe
from cellbench.host.clients.mqttsn_model import (
    MqttSnGateway,
    MqttSnMessage,
    MqttSnTopic,
    MqttSnWill,
    Subscription,
    TopicKind,
)
from cellbench.host.clients.probes import ftp_probe, http_probe, mqtt_probe, tls_probe
from cellbench.host.clients.sim import LogicalChannel, SimClient
from cellbench.host.clients.sim_model import PinAtRisk, PinTries, SimRefused, SimState
from cellbench.host.clients.sms import SmsClient
from cellbench.host.clients.sms_model import (
    SmsAlphabet,
    SmsMessage,
    SmsNetworkError,
    SmsRefused,
    SmsReport,
    SmsStatus,
    SmsStore,
)
from cellbench.host.errors import AtError
from cellbench.host.files import BadFileName, FileDiffers, FileMissing, Files, NoRoom
from cellbench.host.firmware.download import PackageDiffers, PackageNotOffered, PackageStore
from cellbench.host.firmware.download import Stored as StoredPackage
from cellbench.host.firmware.fingerprint import Fingerprint, fingerprint_of
from cellbench.host.firmware.fingerprint import compare as compare_fingerprints
from cellbench.host.firmware.flashing import FlashFailed
from cellbench.host.firmware.model import (
    Method,
    Package,
    PackageKind,
    RecoveryPath,
    Stage,
    Told,
    Update,
    UpdateError,
    UpdateEvent,
    UpdateNotApplied,
    UpdateRefused,
    UpdateSilent,
)
from cellbench.host.firmware.model import Recovery as FirmwareRecovery
from cellbench.host.firmware.offer import ftp_offer, http_offer
from cellbench.host.mux import Mux, MuxCount, Recovery
from cellbench.host.mux_line import MuxEnded, MuxRefused, MuxSilent
from cellbench.host.mux_settings import MuxParameters
from cellbench.host.ppp import PppLink
from cellbench.host.ppp_model import (
    DialCommand,
    EndKind,
    Escape,
    HangUp,
    Ping,
    PppAuth,
    PppAuthRefused,
    PppDial,
    PppEnd,
    PppFailed,
    PppLost,
    PppNoAnswer,
    PppRefused,
    PppReset,
    PppUnreachable,
)
from cellbench.host.ppp_sockets import PppTcp, PppUdp
from cellbench.host.pppd import PppdLink
from cellbench.host.raw import RawTalk
from cellbench.host.security import (
    NoSession,
    Pin,
    PinLevel,
    Psk,
    Security,
    SecurityProfile,
    ServerCheck,
    SessionData,
    SessionKind,
    TlsVersion,
)
from cellbench.host.sockets import Datagram, Socket, SocketClosed, Sockets
from cellbench.host.urclog import Expectation, UrcEvent, UrcTimeout
from cellbench.host.watchdog.flows import CallFlow, SocketFlow
from cellbench.host.watchdog.hands import AtHands, HourlyBudget
from cellbench.host.watchdog.ladder import Watchdog
from cellbench.host.watchdog.model import (
    Flow,
    Hands,
    NotRecovered,
    PermanentRefusal,
    Step,
    UpdateUnderWay,
    Waits,
)
from cellbench.host.watchdog.model import Recovery as WatchdogRecovery
from cellbench.host.xmodem import Check as XmodemCheck
from cellbench.host.xmodem import Mode as XmodemMode
from cellbench.host.xmodem import XmodemError
from cellbench.record.measurement import Judgement, Limit
from cellbench.rig.current import CurrentProfile, CurrentWatch, StateCurrent
from cellbench.rig.destructive import NotOurUnit, OwnUnit, own_unit
from cellbench.rig.dut import Dut, DutState, Identity
from cellbench.rig.firmware import FirmwareCatalogue, load_firmware
from cellbench.rig.firmware_route import NoRoute
from cellbench.rig.limits import ProductLimits
from cellbench.rig.radio import RadioMeter, radio_meter
from cellbench.rig.schema import Apn as Network
from cellbench.rig.schema_service import Service
from cellbench.rig.secrets import resolve_secret
from cellbench.rig.services import ServiceMap
from cellbench.rig.slot import Boot, PowerState, Slot
from cellbench.rig.updating import Updater
from cellbench.rig.usb_rest import UsbRest
from cellbench.rig.watchdog import SlotHands, slot_watchdog
from cellbench.session.attempts import ATTEMPT
from cellbench.session.equipment import Equipment
from cellbench.session.opening import open_equipment
from cellbench.session.preservation import record_preservation
from cellbench.session.procedure import Procedure, procedure
from cellbench.session.recorder import Recorder
from cellbench.session.run import RUN, Run
from cellbench.session.updating import Packages, RecordingUpdater
from cellbench.wire.uicc import apdu as card_commands
from cellbench.wire.uicc import codec as card_codings
from cellbench.wire.uicc.apdu import Apdu
from cellbench.wire.uicc.apdu import Ins as CardInstruction
from cellbench.wire.uicc.apdu import Key as CardKey
from cellbench.wire.uicc.fcp import FileControl, parse_fcp
from cellbench.wire.uicc.fcp import Structure as FileStructure
from cellbench.wire.uicc.files import USIM as USIM_NAME
from cellbench.wire.uicc.files import FileId, Location, decode_location
from cellbench.wire.uicc.status import CardAnswer

__all__ = [
    "MIGRATION", "USIM_NAME", "Aborted", "Apdu", "AtError", "AtHands", "BadFileName", "Boot",
    "CallClient", "CallFlow", "CallState", "CardAnswer", "CardInstruction", "CardKey", "CellbenchError",
    "CertificateKind", "CertificateMissing", "Certificates", "Channel", "ClientError",
    "ClientNetworkError", "ClientServiceError", "CoapClient", "CoapMethod", "CoapProfile", "CoapResponse",
    "CoapServer", "CoapTransport", "CurrentProfile", "CurrentWatch", "Datagram", "Deed", "DialCommand",
    "Dut", "DutState", "EndKind", "Equipment", "Escape", "Expectation", "FarSide", "FileControl",
    "FileDiffers", "FileId", "FileMissing", "FileStructure", "Files", "Fingerprint", "FirmwareCatalogue",
    "FirmwareRecovery", "FlashFailed", "Flow", "FtpClient", "FtpEntry", "FtpLink", "FtpServer", "Hands",
    "HangUp", "HourlyBudget", "HttpClient", "HttpServer", "Identity", "Judgement", "Level", "Limit",
    "Location", "LogicalChannel", "MessageForm", "Method", "MigrationRow", "MqttClient", "MqttMessage",
    "MqttServer", "MqttSettingNotKept", "MqttSnClient", "MqttSnGateway", "MqttSnMessage", "MqttSnTopic",
    "MqttSnWill", "MqttWill", "Mux", "MuxCount", "MuxEnded", "MuxParameters", "MuxRefused", "MuxSilent",
    "Network", "NetworkError", "NoRoom", "NoRoute", "NoSession", "NotApplicable", "NotOurUnit",
    "NotPossible", "NotRecovered", "OperatorError", "OwnUnit", "Owner", "Package", "PackageDiffers",
    "PackageKind", "PackageNotOffered", "PackageStore", "Packages", "PermanentRefusal", "Pin",
    "PinAtRisk", "PinLevel", "PinTries", "Ping", "PowerState", "PppAuth", "PppAuthRefused", "PppDial",
    "PppEnd", "PppFailed", "PppLink", "PppLost", "PppNoAnswer", "PppRefused", "PppReset", "PppTcp",
    "PppUdp", "PppUnreachable", "PppdLink", "Procedure", "ProductLimits", "Psk", "RadioMeter", "RawTalk",
    "Recorder", "RecordingUpdater", "Recovery", "RecoveryPath", "Response", "RigError", "Run", "Security",
    "SecurityProfile", "Served", "ServerCheck", "Service", "ServiceError", "SessionData", "SessionKind",
    "SimClient", "SimRefused", "SimState", "Slot", "SlotHands", "SmsAlphabet", "SmsClient", "SmsMessage",
    "SmsNetworkError", "SmsRefused", "SmsReport", "SmsStatus", "SmsStore", "Socket", "SocketClosed",
    "SocketFlow", "Sockets", "Stage", "StateCurrent", "Step", "StoredPackage", "Subscription", "Symptom",
    "TlsVersion", "Told", "TopicKind", "UnitError", "Update", "UpdateError", "UpdateEvent",
    "UpdateNotApplied", "UpdateRefused", "UpdateSilent", "UpdateUnderWay", "Updater", "UrcEvent",
    "UrcTimeout", "UsbRest", "VoiceCall", "Waits", "Watchdog", "WatchdogRecovery", "XmodemCheck",
    "XmodemError", "XmodemMode", "card_codings", "card_commands", "client_of", "coap_probe",
    "compare_fingerprints", "current_run", "decode_location", "fingerprint_of", "ftp_offer", "ftp_probe",
    "http_offer", "http_probe", "ladder_for", "limits_for", "load_firmware", "login_of", "md5_of",
    "migration_row", "mqtt_probe", "mqttsn_probe", "number_of", "open_equipment", "own_unit", "parse_fcp",
    "pin_of", "polls_for", "procedure", "radio_meter", "record_preservation", "recorder_of", "root_of",
    "serial_of", "served_package", "slot_watchdog", "tcp_probe", "tls_probe",
]


def current_run(config: pytest.Config) -> Run:
    """The run that a pytest session asked for; OperatorError when it asked for no rig."""
    run = config.stash.get(RUN, None)
    if run is None:
        raise OperatorError("this test needs a rig and none was asked for",
                            remedy="say --rig FILE or set CELLBENCH_RIG")
    return run


def recorder_of(item: pytest.Item) -> Recorder:
    """The recorder of a running test; one that records nothing outside a run."""
    attempt = item.stash.get(ATTEMPT, None)
    return attempt.recorder if attempt is not None else Recorder(None, "")


def limits_for(run: Run, slot: str) -> ProductLimits:
    """The limits that the rig file names for the module in a slot; OperatorError when it names none."""
    found = run.rig.limits_of(slot)
    if found is None:
        raise OperatorError(f"{run.rig.path} names no limits for slot {slot}",
                            remedy="name a file under limits, or limits: in the slot")
    return found


def root_of(equipment: Equipment, role: str) -> bytes:
    """The certificate of the authority that signs a service, PEM; NotPossible when the rig file names
    none."""
    file = ServiceMap(equipment.rig).place(role).ca
    if file is None:
        raise NotPossible(f"the rig file names no authority for service {role}",
                          remedy=f"name its file under services.{role}.ca")
    return file.read_bytes()


def client_of(equipment: Equipment, role: str) -> tuple[bytes, bytes]:
    """A client certificate that a service takes and its key, PEM; NotPossible when the rig file names
    none."""
    files = ServiceMap(equipment.rig).place(role).client
    if files is None:
        raise NotPossible(f"the rig file names no client certificate for service {role}",
                          remedy=f"name its files under services.{role}.client_certificate and client_key")
    certificate, key = files
    return certificate.read_bytes(), key.read_bytes()


def login_of(equipment: Equipment, role: str) -> tuple[str, str]:
    """User name and password of a service as the rig file gives them, each "" where it gives none."""
    place = ServiceMap(equipment.rig).place(role)
    return place.user or "", place.password or ""


def number_of(equipment: Equipment, slot: str) -> str:
    """The telephone number of a slot's SIM as the rig file names it; NotPossible when it names none."""
    sim = equipment.rig.model.slots[slot].sim
    if sim is None or sim.number is None:
        raise NotPossible(f"the rig file names no telephone number for slot {slot}",
                          remedy=f"name it under slots.{slot}.sim.number")
    return sim.number


def pin_of(equipment: Equipment, slot: str) -> str:
    """PIN1 of a slot's SIM as the rig file refers to it; NotPossible when it names none."""
    sim = equipment.rig.model.slots[slot].sim
    if sim is None or sim.pin is None:
        raise NotPossible(f"the rig file names no PIN for the SIM of slot {slot}",
                          remedy=f"name it under slots.{slot}.sim.pin, as {{file: PATH}} or {{env: NAME}}")
    return resolve_secret(sim.pin, equipment.rig.path, f"slots.{slot}.sim.pin")


def served_package(equipment: Equipment, slot: str, method: Method, packages: Sequence[Package]) -> Served:
    """The package that the rig's firmware server offers for the module in a slot, by FTP or HTTP; see
    campaign.served.find_served."""
    series = equipment.bench.slot(slot).profile.series.value
    return find_served(ServiceMap(equipment.rig), method, series, packages)


def serial_of(run: Run, slot: str) -> str:
    """The serial number given for the unit in a slot, "" when none was."""
    return run.serials.get(slot, "")

