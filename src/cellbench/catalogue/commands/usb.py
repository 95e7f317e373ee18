"""USB: composition and its settings."""

from __future__ import annotations

from cellbench.catalogue.model import R6_ONLY, R8_ONLY, Storage
from cellbench.catalogue.sources import r6_app_note, r6_data_sheet, r8_guide

from .building import command, number, text

COMMANDS = (
    command(
        "+SYSNV",
        "System settings by name",
        "s",
        r8_guide("5.2.1.1, 5.5.1.1, Tables 3 and 10"),
        number("op", (0, 2)),
        text(
            "name",
            "usbmode",
            "nat_cfg",
            "ap_trace_en",
            "deep_sleep_en",
            "psm_sleep_en",
            "usb_detect_mode",
            "sim_hotplug",
            optional=True,
        ),
        number("value", (0, 65535), optional=True),
        series=R8_ONLY,
        info="+SYSNV",
        stored=Storage.NVM,
        notes='0 asks, 1 sets, 2 clears all; +SYSNV: "nat_cfg", 255; names beside usbmode and nat_cfg by the '
        "chip maker's source; in force after a reboot",
    ),
    command(
        "+UUSBCONF",
        "USB composition",
        "srt",
        r6_app_note("+UUSBCONF"),
        number("id", (0, 4)),
        text("network", "", "ECM", "RNDIS", "RMNET", optional=True),
        text("audio", optional=True),
        series=R6_ONLY,
        stored=Storage.NVM,
        notes='read: +UUSBCONF: <id>,"<network>","<audio>","<PID>" (remembered); after a reboot',
    ),
    command(
        "+UUSBDET",
        "Level of VUSB_DET",
        "srt",
        r6_data_sheet("VUSB_DET"),
        number("mode", (0, 1)),
        series=R6_ONLY,
        stored=Storage.NVM,
        notes="0 1.5 to 5.25 V, 1 4.4 to 5.25 V; not on LARA-R6001D-00B",
    ),
)
