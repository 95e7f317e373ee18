"""LENA-R8: LTE Cat 1bis with 2G fallback; LENA-R8001M10 carries an M10 GNSS receiver.

The initial default bearer sits on context 0 and is the operator's; the UART begins in autobauding; no
audio. Manuals of this series were hardly readable, so power figures lean on public drivers.
"""

from __future__ import annotations

from cellbench.catalogue.model import Series
from cellbench.catalogue.sources import (
    driver,
    guess,
    r8_guide,
    r8_integration,
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
    vcc_normal_v=known((3.4, 4.2), guess("remembered; the data sheet UBX-22003110 was not at hand")),
    vcc_extended_v=known((3.2, 4.5), guess("remembered; the data sheet UBX-22003110 was not at hand")),
    vcc_typical_v=known(3.8, guess("remembered; equals the LARA-R6 data sheet")),
    current_limit_min_a=known(2.0, guess("remembered 2G burst peak of 1.6 to 2 A")),
    current_limit_max_a=known(3.0, guess("half as much again as the burst peak; no document sets a cap")),
    pwr_on_pulse_s=known((2.0, 3.0), ubxlib("u_cell_private.c: at least 2 s; the upper end stays below the "
                                            "3.1 s that switch off")),
    pwr_off_pulse_s=known(3.1, ubxlib("u_cell_private.c")),
    reset_pulse_s=known(0.05, ubxlib("u_cell_private.c: at least 50 ms")),
    reset_off_s=None,
    v_int_v=known(1.8, r8_integration("V_INT")),
    boot_max_s=known(21.0, driver("ubxlib u_cell_private.c waits 5 s, a public GNSS/cellular firmware up to "
                                  "16 s for the greeting: the sum")),
    power_off_max_s=known(40.0, ubxlib("u_cell_private.h: +CPWROFF answered within 40 s")),
    min_on_time_s=known(30.0, ubxlib("30 s on before a power-off, avoids harm to the flash")),
    has_usb_boot=True,
    reset_is_abrupt=known(True, guess("not documented; treated as abrupt")),
)

SERIAL = SerialFacts(
    rates=known((1200, 2400, 4800, 9600, 14400, 19200, 28800, 33600, 38400, 57600, 115200, 230400, 460800,
                 921600), driver("UIS8910 AT source; 460800 is also in the LENA-R8 guide, Table 9")),
    factory_rate=known(0, r8_guide("5.3: +IPR: 0, autobauding")),
    autobauding=True,
    greeting_rate=known(115200, r8_guide("5.3")),
    between_commands_s=known(0.02, r8_guide("4.2.1")),
    after_ipr_s=known(0.1, r8_guide("5.3.1, Table 9")),
    after_autobaud_s=known(0.1, r8_guide("5.3")),
    after_prompt_s=known(0.05, ubxlib("50 ms after a prompt; also LARA-R6 guide 5.3.1")),
    escape_guard_s=known(2.0, r8_guide("5.8.2, Table 13")),
    max_line=known(1024, sibling("SARA-R4 AT commands manual: 1024 characters")),
)

_PORT = "Unisoc Usb Serial Port {}"
_EIGHT = interfaces("at", "reserved", "reserved", "cp-trace", "ap-trace", "reserved", "at", "at", name=_PORT)

# With a network function the serial ports begin at interface 2: remembered, so ports are found by order.
USB = (
    UsbComposition("serial ports only", 0x1782, 0x4D10, _EIGHT, "none", r8_guide("5.2.1, Table 2"),
                   selected_by="usbmode=2"),
    UsbComposition("RNDIS and serial ports", 0x1782, 0x4D11, _EIGHT, "rndis", r8_guide("5.2.2, Table 4"),
                   selected_by="usbmode=3"),
    UsbComposition("ECM and serial ports", 0x1782, 0x4D13, _EIGHT, "ecm", r8_guide("5.2.3, Table 6"),
                   selected_by="usbmode=5"),
    UsbComposition("firmware update", 0x0525, 0xA4A7, interfaces("fw-update", name="SPRD U2S Diag"), "none",
                   r8_guide("5.2.4, Table 8"), selected_by="usb_boot",
                   # 0525:A4A7 is Linux's own serial gadget in its CDC ACM form (g_serial, usb.ids), and so is
                   # every board that runs it; that the class goes with the number is a guess
                   serial_class="acm", shared_id=True, uart=False),
)

BEARERS = BearerFacts(
    default_cid=known(0, r8_guide("7.2.1")),
    ims_cid=known(11, r8_guide("7.3 and 13.1, Table 54")),
    user_cids=known((1, 2, 3, 4, 5, 6, 7, 8), guess("guide 7.2.2 uses 1 and 2; the upper end is remembered")),
    max_active=known(8, guess("as on LARA-R6; not documented")),
    internet_follows_udconf19=False,
)

CURRENTS = (
    Current("off", 40e-6, guess("remembered: 20 to 60 µA")),
    Current("idle", 1.75e-3, guess("remembered: 1.5 to 2 mA at DRX 2.56 s")),
    Current("floor", 1e-3, guess("remembered: about 1 mA")),
    Current("active", 15e-3, guess("remembered: 10 to 20 mA without USB")),
    Current("active-usb", 30e-3, guess("remembered: 30 mA with USB in use")),
    Current("usb-suspended", 0.3e-3, guess("as on LARA-R6")),
    Current("connected", 0.55, guess("remembered: 500 to 600 mA at maximum power")),
    Current("transmit-peak", 1.8, guess("remembered: 1.6 to 2 A in a 2G burst at maximum power")),
)

_SETTINGS: tuple[Setting, ...] = (
    (("firmware",), "02.00,A01.22", r8_guide("8.1.2, Table 20: ATI0I9")),
    (("E",), 1, r8_guide("4.1.1")),
    (("Q",), 0, standard("V.250 6.2.5")),
    (("V",), 1, standard("V.250 6.2.6")),
    (("X",), 4, standard("V.250 6.2.7")),
    (("&C", "&D"), 1, guess("remembered: 1 at delivery")),
    (("&S",), 1, guess("remembered: 0 or 1")),
    (("&K",), 3, guess("as on LARA-R6; drivers set it before use")),
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
    (("+CMEE",), 0, guess("world file: 0; the guide sets 2 after each boot")),
    (("+IPR",), 0, r8_guide("5.3")),
    (("+ICF",), (3, 1), guess("8 data bits, no parity, 1 stop bit")),
    (("+IFC",), (2, 2), driver("UIS8910 AT source: values 0 and 2")),
    (("+UPSV",), 0, r8_guide("5.6")),
    (("+CTZU",), 1, r8_guide("3.2.2")),
    (("+CTZR",), 0, standard("27.007 8.41")),
    (("+CSGT",), (1, "+UUSTATUS: READY"), r8_guide("3.2.2")),
    (("+CREG", "+CGREG", "+CEREG"), 0, standard("27.007 7.2, 10.1.20, 10.1.22")),
    (("+COPS",), 0, r8_guide("7.1: registers by itself")),
    (("+CFUN",), 1, standard("27.007 8.2")),
    (("+CNMI",), (0, 0), standard("27.005 3.4.1")),
    (("+CMGF",), 0, standard("27.005 3.2.3")),
    (("+CMER",), (0, 0, 0, 0), standard("27.007 8.10")),
    (("+CGEREP",), (0, 0), standard("27.007 10.1.19")),
    (("+CLIP",), 0, standard("27.007 7.11")),
    (("+CSCON",), 0, standard("27.007 7.30")),
    (("+CSCS",), "IRA", standard("27.007 5.5")),
    (("+CVHU",), 0, guess("27.007 6.20 leaves it open")),
    (("usbmode",), 2, r8_guide("5.2.1: the default configuration")),
    (("nat_cfg",), 255, r8_guide("5.5.1.1, Table 10")),
    (("+UFACTORY",), (0, 0), r8_guide("6.2: 0,0 is no restore")),
    (("+URAT",), (5, 3), guess("remembered read answer 5,3: GSM and LTE, LTE preferred")),
    (("+UDCONF=1",), 0, guess("hexadecimal mode off")),
)

QUIRKS: dict[str, Known[object]] = {
    "creg_read_without_n": known(True, ubxlib("u_cell_net.c")),
    "act_missing_in_creg": known(True, ubxlib("u_cell_net.c")),
    "cops_test_line_ends": known("\n\r", ubxlib("u_cell_net.c: LF CR before each item")),
    "cops_test_part_alone_when_busy": known(True, ubxlib("u_cell_net.c")),
    "csgt_read_error_when_off": known(True, ubxlib("u_cell_cfg.c")),
    "usowr_on_udp_answers_usost": known(True, ubxlib("u_cell_sock.c")),
    "udnsrn_answer_may_be_uudnsrn": known(True, ubxlib("u_cell_sock.c")),
    "usogo_empty_options": known(((65535, 4), (65535, 8)), ubxlib("u_cell_sock_test.c")),
    "mux_data_disc_unanswered": known(True, ubxlib("u_cell_private.c")),
    "mux_without_gnss_channel": known(True, ubxlib("u_cell_private.c")),
    "mqttsn_read_with_mqtt_prefix": known(True, ubxlib("u_cell_mqtt.c")),
    "http_error_status_is_result_0": known(True, ubxlib("u_cell_private.c")),
    "ppp_wants_own_cid": known(True, ubxlib("README, u_cell_private.h: cid 2 for PPP")),
    "k_may_be_refused_on_usb": known(True, ubxlib("u_cell_pwr.c")),
    "cpof_before_ok": known("+CPOF: MS OFF", ubxlib("issue 241")),
    "uauthreq_type_0_wants_strings": known(True, ubxlib("u_cell_net.c")),
    "upsv_modes": known((0, 2, 3, 4), r8_guide("13.1, Table 54: 4 is what 1 is on LARA-R6")),
    "first_at_swallowed_in_autobauding": known(True, r8_guide("5.3")),
    "cgact_read_may_lack_initial_bearer": known(True, r8_guide("7.2.2, Table 17 row 8")),
    "cgdcont_initial_bearer_short": known(True, r8_guide("7.2.1, Table 15: without the two zeros")),
    "cgcontrdp_dns_unusable": known(True, ubxlib("u_cell_net_test.c")),
    "only_csq_usable": known(True, ubxlib("u_cell_info.c")),
    "cops_0_leaves_minimum_function": known(True, r8_guide("13.1, Table 54")),
    "first_byte_after_sleep_lost": known(True, ubxlib("u_cell_pwr.c, UPSV 4")),
    "usocl_asynchronous": known(True, ubxlib("feature ASYNC_SOCK_CLOSE")),
    "no_carrier_after_ath_ok": known(True, r8_guide("7.3.1, Table 18")),
    "cgatt_without_blank": known(True, ubxlib("issue 210")),
    "cereg_blank_before_act": known(True, ubxlib("issue 210")),
    "creg_urc_twice": known(True, ubxlib("issue 210")),
    "cgact_initial_bearer_shown_inactive": known(True, ubxlib("issue 210")),
    "ugubx_no_message": known(True, ubxlib("issue 176")),
    "call_without_audio": known(True, r8_guide("7.3")),
    "udconf_81_refused": known(True, r8_guide("3.3.1")),
}

UNSUPPORTED = frozenset({
    # LENA-R8 guide 13.1, Table 54: n/a
    "+USIO", "+UUARTCONF", "+UUSBCONF", "+UURCCONF", "+UMNOPROF", "+UBANDMASK", "+USVCDOMAIN", "+UCFSCAN",
    "+UDNSCFG", "+UEMBPF", "+UCGED", "+VZWRSRP", "+VZWRSRQ", "+CNMPSD", "+ULWM2M", "+UFOTASTAT",
    # ubxlib: no such command on this series
    "+UPSD", "+UPSDA", "+UPSND",
})

GNSS_COMMANDS = frozenset({"+UGPS", "+UGNSS", "+UGUBX", "+UGPRF", "+UGTMR", "+UGZDA", "+UGGGA", "+UGGLL",
                           "+UGGSA", "+UGGSV", "+UGRMC", "+UGVTG", "+UGAOS", "+ULOC", "+ULOCGNSS"})

FACTS: dict[str, Known[object]] = {
    "gpio_pins": known({"GPIO1": 16, "GPIO2": 23, "GPIO3": 24, "GPIO4": 25, "GPIO5": 42, "GPIO6": 19},
                       ubxlib("u_cell_gpio.h; public board symbol")),
    "gpio_factory": known({16: 255, 23: 255, 24: 255, 25: 255, 42: 7, 19: 255},
                          guess("all disabled but SIM detection on GPIO5")),
    "upsv_modes": known((0, 2, 3, 4), r8_guide("5.6.2 and 13.1, Table 54")),
    "upsv_timeout_modes": known((4,), ubxlib("u_cell_pwr.c: the time-out goes with mode 4 only")),
    "file_name_max": known(63, ubxlib("u_cell_private.c")),
    "max_tls_connections": known(4, r8_guide("9.1.3")),
    "lte_bands": known((1, 2, 3, 4, 5, 7, 8, 20, 28, 66, 38, 40, 41),
                       guess("remembered; 14 bands are told, one is missing here")),
    "socket_default_cid": known(1, r8_guide("9.2.1, Table 25")),
    "mux_channels": known(3, r8_guide("5.7: channels 1 to 3")),
    "mux_parameters": known((1500, 150, 3, 200), driver("m-center: AT+CMUX=0,0,,1500,150,3,200")),
    "mux_settle_s": known(0.1, ubxlib("u_cell_mux_private.h: 100 ms after +CMUX, and after the close")),
    "mux_first_at_s": known(0.75, ubxlib("u_cell_mux.c: the first AT 750 ms after the channel opens")),
    "boot_typical_s": known((4.0, 6.0), guess("remembered: greeting 4 to 6 s after PWR_ON")),
}

PROFILE = ModuleProfile(
    series=Series.LENA_R8,
    variant="LENA-R8001M10",
    ordering_codes=("LENA-R8001M10-00C-00",),
    model_prefix="LENA-R8",
    voice=True,
    rats=("gsm", "lte"),
    power=POWER,
    serial=SERIAL,
    usb=USB,
    bearers=BEARERS,
    currents=CURRENTS,
    greeting=known("+UUSTATUS: READY", r8_guide("3.2.2")),
    reboot_command=known("+CFUN=16", r8_guide("8.2, Table 21")),
    reboot_wait_s=known(5.0, ubxlib("u_cell_private.c")),
    sockets=known(7, ubxlib("u_cell_sock.h")),
    factory=factory(_SETTINGS),
    quirks=QUIRKS,
    unsupported=UNSUPPORTED,
    factory_sources=factory_sources(_SETTINGS),
    facts=FACTS,
)

VARIANTS = (
    VariantOverride("LENA-R8001M10", ("LENA-R8001M10-00C-00",)),
    VariantOverride("LENA-R8001", ("LENA-R8001-00C-00",), {"unsupported": GNSS_COMMANDS}),
)
