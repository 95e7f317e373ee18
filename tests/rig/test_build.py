"""Plans for the guardian, services and capabilities, all from one rig file."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cellbench.base.errors import NotPossible, RigError
from cellbench.guardian.plan import EquipmentPlan, SlotPlan
from cellbench.instruments.kinds import find_kind
from cellbench.rig.build import equipment_plan, slot_plan
from cellbench.rig.capabilities import Capability, capabilities, remedy_for, require
from cellbench.rig.load import complete, load_rig
from cellbench.rig.schema import Sim
from cellbench.rig.services import ServiceMap, Services


@pytest.fixture
def rig(rig_file, monkeypatch):
    monkeypatch.setenv("RELAY_PASSWORD", "hunter2")
    return load_rig(rig_file())


def test_equipment_with_secrets_resolved_and_named(rig):
    plan = equipment_plan(rig)
    assert plan.rig == "line1"
    assert plan.instruments["psu1"].settings == {
        "resource": "TCPIP::192.168.1.20::5025::SOCKET", "channels": 2, "timeout_s": 2.0}
    relays = plan.instruments["relays1"]
    assert (relays.kind, relays.settings["password"]) == ("line.numato-ethernet", "hunter2")
    assert relays.secrets == {"password": {"env": "RELAY_PASSWORD"}}
    assert EquipmentPlan.from_json(plan.to_json()) == plan
    assert "hunter2" not in str(plan.without_secrets())


def test_settings_are_what_the_drivers_take(rig):
    for plan in equipment_plan(rig).instruments.values():
        fields = find_kind(plan.kind).settings.model_fields
        assert set(plan.settings) <= set(fields) - {"kind"}


def test_secret_that_is_not_there_names_file_line_and_variable(rig, monkeypatch):
    monkeypatch.delenv("RELAY_PASSWORD")
    with pytest.raises(RigError, match=r"line1.yaml:11: instruments.relays1.password: the environment "
                                       r"variable RELAY_PASSWORD is not set"):
        equipment_plan(rig)


@pytest.mark.parametrize(("content", "message"), [
    (None, "cannot be read: No such file"), (b"", "is empty"), (b"\xff", "not UTF-8"),
    (b"s3cret\r\nmore\n", "")])
def test_secret_in_a_file(rig_file, tmp_path, content, message):
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    rig = load_rig(rig_file(("{env: RELAY_PASSWORD}", "{file: secret}")))
    if message:
        with pytest.raises(RigError, match=message):
            equipment_plan(rig)
        return
    relays = equipment_plan(rig).instruments["relays1"]
    assert relays.settings["password"] == "s3cret"
    assert relays.secrets == {"password": {"file": str(tmp_path / "secret")}}


def test_slot_with_caps_from_the_profile(rig):
    plan = slot_plan(rig, "a1")
    assert (plan.output.supply, plan.output.channel, plan.output.voltage_v) == ("psu1", 1, 3.8)
    assert (plan.output.max_voltage_v, plan.output.max_current_a) == (4.5, 3.0)
    assert plan.output.over_voltage_v is None
    assert plan.driven["pwr_on"].closed_when_asserted is True
    assert plan.driven["reset_n"].closed_when_asserted is False
    assert plan.read["v_int"].high_when_asserted is True
    assert plan.ports == ("rfc2217://127.0.0.1:4001", "usb:/sys:1-2.1")
    assert SlotPlan.from_json(plan.to_json()) == plan
    other = slot_plan(rig, "a2")
    assert other.output.over_voltage_v == 4.4
    assert other.ports == ("usb:/sys:1-3:1",)


def test_slot_that_is_not_there(rig):
    with pytest.raises(RigError, match="no slot a9; its slots are a1, a2"):
        slot_plan(rig, "a9")


def test_services(rig, tmp_path):
    services = ServiceMap(rig)
    echo = services.place("echo")
    assert (echo.target, echo.name, echo.port) == ("195.34.89.241", "echo.u-blox.com", 7)
    assert (echo.probe.host, echo.probe.port) == ("195.34.89.241", 7)
    with pytest.raises(NotPossible, match="no service broker; it has echo"):
        services.place("broker")
    with pytest.raises(NotPossible, match="no path for upload"):
        echo.path("upload")
    assert services.has("echo")
    assert not services.has("broker")


def test_services_as_procedures_take_them(rig):
    services = Services(rig)
    assert services["echo"].port == 7
    assert list(services) == ["echo"]
    assert "broker" not in services
    assert services.get("broker") is None
    with pytest.raises(NotPossible, match=r"no service broker; it has echo; name it under services in"):
        services["broker"]


def test_service_with_everything(rig_file, monkeypatch):
    monkeypatch.setenv("FTP_PASSWORD", "hunter2")
    rig = load_rig(rig_file(("port: 7}", """port: 7}
  ftp:
    name: ftp.test
    port: 21
    user: me
    ca: limits/lara-r6.yaml
    password: {env: FTP_PASSWORD}
    paths: {upload: /up}
    probe: {host: "::1", port: 2121}""")))
    ftp = ServiceMap(rig).place("ftp")
    assert (ftp.target, ftp.user, ftp.password, ftp.path("upload")) == ("ftp.test", "me", "hunter2", "/up")
    assert (ftp.probe.host, ftp.probe.port) == ("::1", 2121)
    assert ftp.ca.is_file()
    assert "hunter2" not in repr(ftp)


def test_capabilities_follow_from_the_wiring(rig):
    first, second = (capabilities(rig.model, slot) for slot in ("a1", "a2"))
    assert first >= {Capability.CUT_POWER, Capability.MEASURE_CURRENT, Capability.SEE_TRIP,
                     Capability.DRIVE_PWR_ON, Capability.DRIVE_RESET_N, Capability.READ_V_INT,
                     Capability.UART, Capability.USB, Capability.READ_RI}
    assert Capability.DRIVE_USB_BOOT not in first
    assert Capability.FAR_SIDE not in first
    assert second >= {Capability.DRIVE_USB_BOOT, Capability.DRIVE_DTR, Capability.DRIVE_RTS}
    assert not second & {Capability.READ_V_INT, Capability.USB, Capability.READ_CTS}


def test_what_lacks_is_not_possible_and_says_what_it_takes(rig):
    require(rig.model, "a1", [Capability.CUT_POWER])
    with pytest.raises(NotPossible, match=r"slot a2 of rig line1 cannot read-v-int, cut-rf; it takes "
                                          r"lines.v_int; cut-rf under capabilities"):
        require(rig.model, "a2", [Capability.READ_V_INT, Capability.CUT_POWER, Capability.CUT_RF])
    for capability in Capability:
        assert remedy_for(capability)


def test_launched_rack_completes_the_file_that_launched_it(root, rig_file, tmp_path):
    declared = load_rig(rig_file(text=(
        "rig: mine\nevidence: simulated\nlaunch: x\nstation: here\nslots:\n  a1: {series: LARA-R6, network: "
        "{apn: other, password: {file: pw}}}\n  a2: {series: LENA-R8}\n"
        "limits: {LARA-R6: limits/lara-r6.yaml}\n"
        "services: {http: {name: h.test, ca: limits/lara-r6.yaml, client_certificate: limits/lara-r6.yaml, "
        "client_key: limits/lena-r8.yaml}, echo: {host: 10.0.0.1, port: 7}}\n"),
        name="declared.yaml"))
    place = tmp_path / "rack"
    place.mkdir()
    (place / "limits").symlink_to(tmp_path / "limits")
    generated = load_rig(rig_file(("port: 7}", "port: 7, probe: {host: 127.0.0.1, port: 40007}}"),
                                  ("rig: line1", "rig: virtual\nevidence: simulated"), name="rack/rig.yaml"))
    whole = complete(declared, generated)
    assert (whole.model.rig, whole.model.station, whole.model.evidence.value) == ("mine", "here", "simulated")
    assert whole.model.slots["a1"].power.channel == 1
    assert whole.model.network_of("a1").apn == "other"
    assert whole.model.network_of("a1").password.file == str(tmp_path / "pw")
    assert whole.model.network_of("a2").apn == "internet"
    assert whole.model.services["echo"].host == "10.0.0.1"
    assert whole.model.services["echo"].probe.port == 40007
    limits = tmp_path / "limits"
    assert ServiceMap(whole).place("http").ca == limits / "lara-r6.yaml"
    assert ServiceMap(whole).place("http").client == (limits / "lara-r6.yaml", limits / "lena-r8.yaml")
    text = declared.path.read_text().replace("10.0.0.1", "127.0.0.1")
    here = load_rig(rig_file(text=text, name="here.yaml"))
    assert ServiceMap(complete(here, generated)).place("echo").probe.port == 7, "asked where it is said to be"
    assert whole.limits_of("a1").product == "LARA-R6"
    assert whole.limits_of("a2") is None


@pytest.mark.parametrize(("stated", "number"), [
    ("{ref: mine}", "+39385"), ('{ref: mine, number: "+49170"}', "+49170")])
def test_the_number_of_a_sim_is_the_rack_s_unless_it_is_stated(rig_file, stated, number):
    text = "rig: {0}\nevidence: simulated\n{1}slots:\n  a1: {{series: LARA-R6, sim: {2}}}\n"
    declared = load_rig(rig_file(text=text.format("mine", "launch: x\n", stated), name="declared.yaml"))
    model = declared.model
    found = model.slots["a1"].model_copy(update={"sim": Sim(ref="rack", number="+39385")})
    generated = replace(declared, model=model.model_copy(update={"slots": {"a1": found}}))
    sim = complete(declared, generated).model.slots["a1"].sim
    assert (sim.ref, sim.number) == ("mine", number)


def test_launched_rack_with_other_slots_is_refused(rig_file):
    text = "rig: mine\nevidence: simulated\nlaunch: x\nslots:\n  b1: {series: LENA-R8}\n"
    declared = load_rig(rig_file(text=text, name="declared.yaml"))
    with pytest.raises(RigError, match=r"declared.yaml:4: slots: the launched rack has a1 \(LARA-R6001D\), "
                                       r"a2 \(LENA-R8\), this file has b1 \(LENA-R8\)"):
        complete(declared, load_rig(rig_file()))
