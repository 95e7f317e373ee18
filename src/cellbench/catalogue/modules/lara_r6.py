"""LARA-R6: LTE Cat 1 with 3G and 2G fallback; data-only variants end with D, the 6401s are LTE only.

The initial default bearer is context 1 and the user's; the UART has a fixed rate and no autobauding.
Most figures are from the data sheet and the application development note of the maker.
"""

from __future__ import annotations

from dataclasses import replace

from cellbench.catalogue.model import Series
from cellbench.catalogue.sources import (
    driver,
    guess,
    r6_app_note,
    r6_data_sheet,
    r6_guide,
    r6_integration,
    r8_guide,
    sibling,
    standard,
    ubxlib,
)

from .building import Setting, factory, factory_sources, interfaces, known
from .model import (
    BearerFacts,
    Current,
    Known,
    ModuleProfile,
    PowerFacts,
    SerialFacts,
    UsbComposition,
    VariantOverride,
)

POWER = PowerFacts(
    vcc_normal_v=known((3.3, 4.5), r6_data_sheet("operating conditions")),
    vcc_extended_v=known((3.1, 4.5), r6_data_sheet("operating conditions, pin 51")),
    vcc_typical_v=known(3.8, r6_data_sheet("operating conditions")),
    current_limit_min_a=known(1.9, r6_integration("supply: not below the 2G burst peak, 1.9 A with the worst "
                                                  "antenna by the data sheet")),
    current_limit_max_a=known(3.0, guess("half as much again as the burst peak; no document sets a cap")),
    pwr_on_pulse_s=known((0.15, 3.20), r6_data_sheet("PWR_ON")),
    pwr_off_pulse_s=known(1.5, r6_data_sheet("PWR_ON: graceful switch-off")),
    reset_pulse_s=known(0.05, r6_data_sheet("RESET_N: 0.05 s to 6 s")),
    reset_off_s=known(10.0, r6_data_sheet("RESET_N: 10 s or more is an abrupt switch-off")),
    v_int_v=known(1.8, r6_data_sheet("V_INT")),
    boot_max_s=known(25.0, r6_app_note("up to 15 s when a file system is restored inside the boot, beside "
                                       "the 10 s that the public driver waits")),
    power_off_max_s=known(40.0, sibling("LEXI-R10 AT commands manual: +CPWROFF < 40 s; so waits ubxlib")),
    min_on_time_s=known(30.0, ubxlib("30 s on before a power-off, avoids harm to the flash")),
    has_usb_boot=False,
    reset_is_abrupt=known(False, r6_integration("RESET_N: settings are saved, detach")),
)

SERIAL = SerialFacts(
    rates=known((115200, 230400, 460800, 921600, 3000000), r6_data_sheet("UART")),
    factory_rate=known(115200, r6_app_note("UART")),
    autobauding=False,
    greeting_rate=known(115200, r6_app_note("the greeting needs a fixed rate")),
    between_commands_s=known(0.02, r6_app_note("20 ms between an answer and the next command")),
    after_ipr_s=known(0.2, r6_app_note("+IPR")),
    after_autobaud_s=known(0.0, r6_app_note("no autobauding")),
    after_prompt_s=known(0.05, r6_guide("5.3.1")),
    escape_guard_s=known(2.0, r6_guide("9.1.4")),
    max_line=known(2048, r6_guide("8: 512 bytes of +UCOAPC are 1024 digits; 2048 is remembered")),
)

_00B = ubxlib("udev rules and the Linux option driver, patch of November 2022")
_01B = driver("Linux option driver, LARA-R6 01B; the number 1311 is remembered")
_NO_UART, _AUX_UART = (3, 4), (1,)
"""+USIO values without the main UART, and those with the auxiliary one (application note)."""
_USIO: tuple[tuple[int, tuple[str, ...]], ...] = (
    (0, ("diag", "at", "at")),
    (1, ("diag", "at")),
    (2, ("diag", "at", "gnss")),
    (3, ("diag", "at", "at", "gnss")),
    (4, ("diag", "at", "at", "at")),
)


def _compositions() -> tuple[UsbComposition, ...]:
    """The serial compositions by +USIO (application note), for both product grades."""
    grades = (("-00B", 0x05C6, 0x908B, _00B), ("-01B", 0x1546, 0x1311, _01B))
    return tuple(
        UsbComposition(f"USIO {number}", vid, pid, interfaces(*roles, name="LARA-R6 USB serial {}"), "none",
                       source, selected_by=f"usio={number}", ordering=grade, uart=number not in _NO_UART,
                       aux_uart=number in _AUX_UART)
        for grade, vid, pid, source in grades
        for number, roles in _USIO)


USB = (
    *_compositions(),
    UsbComposition("RmNet", 0x1546, 0x1312, interfaces("diag", "at", "at", "at"), "rmnet",
                   driver("Linux qmi_wwan.c, table taken from LARA-L6: RmNet is interface 4"),
                   selected_by="uusbconf=RMNET", ordering="-01B", network_first=False),
    UsbComposition("ECM", 0x1546, 0x1313, interfaces("diag", "at", "at", "at"), "ecm",
                   guess("by analogy with LARA-L6 1341 to 1343"), selected_by="uusbconf=ECM",
                   ordering="-01B", network_first=False),
)

BEARERS = BearerFacts(
    default_cid=known(1, r6_guide("2.1")),
    ims_cid=known(11, r6_app_note("cid 11 is ims")),
    user_cids=known((1, 2, 3, 4, 5, 6, 7, 8, 9, 10), r6_app_note("cids 1 to 11, of which 11 is ims")),
    max_active=known(8, r6_guide("2.1: 8 in all, 5 of them primary")),
    internet_follows_udconf19=True,
)

CURRENTS = (
    Current("off", 9e-6, r6_data_sheet("current consumption")),
    Current("idle", 1.9e-3, r6_data_sheet("current consumption, DRX 2.56 s, no USB")),
    Current("floor", 0.9e-3, r6_data_sheet("current consumption, idle floor, no USB")),
    Current("active", 10.6e-3, r6_data_sheet("current consumption, DRX 2.56 s, no USB")),
    Current("active-usb", 27.0e-3, r6_data_sheet("current consumption, DRX 2.56 s, USB in use")),
    Current("usb-suspended", 0.3e-3, r6_data_sheet("current consumption, idle: 1.9 mA without USB, 2.2 mA "
                                                   "with it suspended")),
    Current("connected", 0.65, r6_data_sheet("current consumption, LTE at maximum power")),
    Current("transmit-peak", 1.5, r6_data_sheet("current consumption, 900 MHz burst, typical antenna")),
)

_SETTINGS: tuple[Setting, ...] = (
    (("firmware",), "02.14,A00.01", r6_data_sheet("product versions: 6001, 6401, 6801 -00B")),
    (("E",), 1, standard("V.250 6.2.4; world file")),
    (("Q",), 0, standard("V.250 6.2.5")),
    (("V",), 1, standard("V.250 6.2.6")),
    (("X",), 4, standard("V.250 6.2.7")),
    (("&C", "&D", "&S"), 1, guess("remembered: 1 at delivery")),
    (("&K",), 3, r6_integration("&K3 at delivery")),
    (("S0",), 0, standard("V.250 6.3.8")),
    (("S2",), 43, standard("V.250 and maker's habit")),
    (("S3",), 13, standard("V.250 6.2.1")),
    (("S4",), 10, standard("V.250 6.2.2")),
    (("S5",), 8, standard("V.250 6.2.3")),
    (("S6",), 2, standard("V.250 6.3.9")),
    (("S7",), 60, standard("V.250 6.3.10")),
    (("S8",), 2, standard("V.250 6.3.11")),
    (("S10",), 1, standard("V.250 6.3.12")),
    (("S12",), 50, sibling("50 (1 s)")),
    (("+CMEE",), 0, guess("world file: 0")),
    (("+IPR",), 115200, r6_app_note("UART")),
    (("+ICF",), (3, 1), r6_integration("8N1 at delivery")),
    (("+IFC",), (2, 2), r6_integration("hardware flow control at delivery")),
    (("+UPSV",), 0, guess("disabled, as on LENA-R8 by its guide 5.6")),
    (("+CTZU",), 1, r6_app_note("+CTZU")),
    (("+CTZR",), 1, r6_app_note("+CTZR")),
    (("+CSGT",), (0, ""), guess("remembered: off, text set by the user")),
    (("+CREG", "+CGREG", "+CEREG"), 0, standard("27.007 7.2, 10.1.20, 10.1.22")),
    (("+COPS",), 0, r6_app_note("registers by itself")),
    (("+CFUN",), 1, standard("27.007 8.2")),
    (("+CNMI",), (0, 0), standard("27.005 3.4.1")),
    (("+CMGF",), 0, standard("27.005 3.2.3")),
    (("+CPMS",), ("ME", "ME", "ME"), r6_app_note("+CPMS: 255 places in ME")),
    (("+CMER",), (0, 0, 0, 0, 0), standard("27.007 8.10")),
    (("+CGEREP",), (0, 0), standard("27.007 10.1.19")),
    (("+CLIP",), 0, standard("27.007 7.11")),
    (("+CSCON",), 0, standard("27.007 7.30")),
    (("+CSCS",), "IRA", standard("27.007 5.5")),
    (("+CVHU",), 0, guess("27.007 6.20 leaves it open")),
    (("+USIO",), 0, r6_app_note("+USIO")),
    (("+UURCCONF",), 0, r6_app_note("+UURCCONF")),
    (("+UMNOPROF",), 90, r8_guide("13.1, Table 54")),
    (("+UFACTORY",), (0, 0), guess("0,0 is no restore, as on LENA-R8")),
    (("+URAT",), (3, 2, 0), r6_app_note("+URAT")),
    (("+UDCONF=1",), 0, guess("hexadecimal mode off")),
    (("+UDCONF=19",), (1, 0), r6_guide("2.3.1: clients are mapped to CID 1")),
    (("+USTS",), 0, r6_data_sheet("smart temperature supervisor off by default")),
)

QUIRKS: dict[str, Known[object]] = {
    "uauthreq_password_first": known(True, r8_guide("13.1, Table 54; ubxlib u_cell_net.c agrees")),
    "cereg_read_extra_field": known(4, ubxlib("u_cell_net.c: one more field after the TAC with n=4")),
    "act_missing_in_cereg": known(True, ubxlib("u_cell_net.c")),
    "ucged_rat_of_lte": known((4, 6), driver("ubxlib u_cell_info.c prints 4, the application note 6")),
    "ucged_cell_id_may_be_0": known(True, ubxlib("u_cell_info.c")),
    "usowr_may_be_bare_ok": known(True, ubxlib("u_cell_sock.c")),
    "lwm2m_starts_by_itself": known(True, driver("Zephyr pull request 90386")),
    "umnoprof_100_refused": known(True, ubxlib("u_cell_cfg_test.c; the guide 2.3.1 uses it")),
    "upsv_modes": known((0, 1, 3), r8_guide("13.1, Table 54")),
    "usio_1_blocks_k_and_upsv_1": known(True, r6_app_note("+USIO")),
    "ipv4v6_address_in_one_string": known(True, r6_app_note("+CGDCONT read")),
    "greeting_once_per_port_with_dtr": known(True, r6_app_note("+CSGT")),
    "ufactory_0_1_two_reboots": known(True, r6_app_note("+UFACTORY")),
    "csq_sometimes_empty": known(True, ubxlib("u_cell_info.c")),
    "cops_act_locks_rat": known(True, r6_app_note("+COPS")),
    "aux_ipr_not_stored": known(True, r6_app_note("+IPR")),
    "rts_off_holds_urcs": known(True, r6_app_note("flow control")),
    "uso_options_refused": known((4, 32, 128), ubxlib("u_cell_sock_test.c: REUSEADDR, BROADCAST, LINGER on")),
    "cnmi_volatile": known(True, r6_app_note("+CNMI")),
    "k0_refused_on_usb": known("operation not supported", ubxlib("issue 218, firmware 00.13,A00.01")),
}

UNSUPPORTED = frozenset({
    "+SYSNV", "+SETBAND", "+SETLOCK", "+CDNSCFG", "+CFGDFTPDN",  # LENA-R8 guide 13.1: other commands there
    "+UPSD", "+UPSDA", "+UPSND", "+UTIME",  # application note: replaced by +CGACT; a public issue lists them
})

_BANDS_6001 = (1, 2, 3, 4, 5, 7, 8, 12, 13, 18, 19, 20, 26, 28, 38, 39, 40, 41)
_BANDS_6401 = (2, 4, 5, 12, 13, 14, 66, 71)
_BANDS_6801 = (1, 2, 3, 4, 5, 7, 8, 18, 19, 20, 26, 28)
_BANDS = r6_data_sheet("supported bands")

FACTS: dict[str, Known[object]] = {
    "gpio_pins": known({"GPIO1": 16, "GPIO2": 23, "GPIO3": 24, "GPIO4": 25, "GPIO5": 42, "GPIO6": 19},
                       r6_data_sheet("GPIO")),
    "gpio_factory": known({16: 255, 23: 3, 24: 4, 25: 0, 42: 7, 19: 14}, r6_data_sheet("GPIO defaults")),
    "upsv_modes": known((0, 1, 3), r8_guide("13.1, Table 54")),
    "upsv_timeout_modes": known((1,), r6_app_note("+UPSV")),
    "file_name_max": known(248, ubxlib("u_cell_file.h")),
    "max_tls_connections": known(4, guess("as on LENA-R8")),
    "lte_bands": known(_BANDS_6001, _BANDS),
    "socket_default_cid": known(1, r6_guide("5.1")),
    "socket_write_queue": known(8192, r6_guide("5.3.3: 8 kB")),
    "socket_read_queue": known(12288, r6_guide("5.3.3: 12 kB")),
    "secure_write_queue": known(1024, r6_guide("5.3.3: 1 kB")),
    "mux_channels": known(2, r6_app_note("+CMUX: 1 and 2 for AT and data, 3 for GNSS")),
    "mux_parameters": known((1500, 150, 3, 200), driver("m-center: AT+CMUX=0,0,,1500,150,3,200")),
    "mux_settle_s": known(0.2, r6_app_note("+CMUX: 200 ms after it, and after the close")),
    "mux_first_at_s": known(0.75, ubxlib("u_cell_mux.c: the first AT 750 ms after the channel opens")),
    "boot_typical_s": known((6.0, 9.0), guess("remembered: greeting 6 to 9 s after PWR_ON")),
    "bandmask_all": known({3: 2061752998111, 2: 562950035734912}, r6_app_note("+UBANDMASK")),
    "umnoprof_profiles": known((0, 1, 2, 3, 5, 90, 100, 201, 206),
                               r6_app_note("+UMNOPROF; 100 by the guide 2.3.1, 0 and 5 remembered")),
}

PROFILE = ModuleProfile(
    series=Series.LARA_R6,
    variant="LARA-R6001",
    ordering_codes=("LARA-R6001-00B-00", "LARA-R6001-00B-01", "LARA-R6001-01B-00"),
    model_prefix="LARA-R6",
    voice=True,
    rats=("gsm", "utran", "lte"),
    power=POWER,
    serial=SERIAL,
    usb=USB,
    bearers=BEARERS,
    currents=CURRENTS,
    greeting=known(None, guess("remembered: off at delivery")),
    reboot_command=known("+CFUN=16", r6_guide("2.3.1; application note: with SIM reset")),
    reboot_wait_s=known(10.0, ubxlib("u_cell_private.c")),
    sockets=known(7, ubxlib("u_cell_sock.h")),
    factory=factory(_SETTINGS),
    quirks=QUIRKS,
    unsupported=UNSUPPORTED,
    factory_sources=factory_sources(_SETTINGS),
    facts=FACTS,
)

_LTE_ONLY: dict[str, object] = {
    "rats": ("lte",),
    "currents": (
        *(one for one in CURRENTS if one.state != "transmit-peak"),
        Current("transmit-peak", 0.65, r6_data_sheet("current consumption, LTE at maximum power; no 2G")),
    ),
    "power": replace(POWER, current_limit_min_a=known(
        1.3, r6_integration("supply: twice the mean at maximum power; no 2G burst"))),
    "facts": {"lte_bands": known(_BANDS_6401, _BANDS)},
}
_LTE_ONLY_FACTORY: dict[str, object] = {"+URAT": 3}


def _codes(model: str, *grades: str) -> tuple[str, ...]:
    return tuple(f"{model}-{grade}" for grade in grades)


def _ordered(*parts: str) -> tuple[UsbComposition, ...]:
    """The compositions of some product grades, in the order given."""
    return tuple(one for part in parts for one in USB if one.ordering == part)


_VOICE_ONLY = frozenset({"+USOCFG"})
"""Commands that the guide, chapter 5, names for LARA-R6001, R6401 and R6801 only."""

_ALL_GRADES = ("00B-00", "00B-01", "01B-00")

VARIANTS = (
    VariantOverride("LARA-R6001", _codes("LARA-R6001", *_ALL_GRADES)),
    VariantOverride("LARA-R6001D", _codes("LARA-R6001D", *_ALL_GRADES), {
        "voice": False,
        "factory": {"firmware": "00.13,A00.01"},
        "factory_sources": {"firmware": r6_data_sheet("product versions: LARA-R6001D-00B")},
        "unsupported": frozenset({"+UUSBDET", *_VOICE_ONLY}),
        "quirks": {"udconf_19_refused": known("-00B", r6_guide("2.3.1: product version 00B"))},
    }),
    VariantOverride("LARA-R6401", _codes("LARA-R6401", *_ALL_GRADES), {
        **_LTE_ONLY, "factory": _LTE_ONLY_FACTORY,
        "factory_sources": {"+URAT": r6_app_note("+URAT: 3 only on LARA-R6401")},
    }),
    VariantOverride("LARA-R6401D", _codes("LARA-R6401D", *_ALL_GRADES), {
        **_LTE_ONLY, "voice": False, "unsupported": _VOICE_ONLY,
        "factory": {**_LTE_ONLY_FACTORY, "firmware": "01.14,A00.01"},
        "factory_sources": {"+URAT": r6_app_note("+URAT: 3 only on LARA-R6401"),
                            "firmware": r6_data_sheet("product versions: LARA-R6401D-00B")},
    }),
    VariantOverride("LARA-R6801", _codes("LARA-R6801", "00B-00", "01B-00"), {
        "facts": {"lte_bands": known(_BANDS_6801, _BANDS)},
    }),
    VariantOverride("LARA-R6801D", _codes("LARA-R6801D", "01B-00"), {
        "voice": False,
        "unsupported": _VOICE_ONLY,
        "usb": _ordered("-01B"),
        "facts": {"lte_bands": known(_BANDS_6801, _BANDS)},
        "factory_sources": {"firmware": guess("as the other variants; none is printed for this one")},
    }),
)
