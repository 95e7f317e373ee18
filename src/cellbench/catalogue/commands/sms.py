"""Short messages (27.005)."""

from __future__ import annotations

from cellbench.catalogue.model import Series, Storage
from cellbench.catalogue.sources import guess, r6_app_note, r8_guide, standard

from .building import command, either, number

_SEND_TIME = guess("150 to 180 s, remembered")
_STORE_TIME = guess("10 to 55 s, remembered")
_PLACES = ("ME", "SM", "MT")

COMMANDS = (
    command("+CSMS", "Message service", "srt", standard("27.005 3.2.1"), number("service", (0, 1))),
    command("+CMGF", "Format of messages", "srt", standard("27.005 3.2.3"), number("mode", (0, 1)),
            notes="0 PDU, 1 text"),
    command("+CSDH", "Headers in text mode", "srt", standard("27.005 3.3.3"), number("show", (0, 1))),
    command("+CPMS", "Message stores", "srt", r6_app_note("+CPMS: 255 places in ME"), either("mem1", *_PLACES),
            either("mem2", *_PLACES, optional=True), either("mem3", *_PLACES, optional=True), info="+CPMS",
            times=55.0, times_source=_STORE_TIME, stored=Storage.NVM),
    command("+CNMI", "Report of new messages", "srt", r8_guide("8.1.1, Table 19: +CNMI=2,1"),
            number("mode", (0, 2), optional=True), number("mt", (0, 3), optional=True),
            number("bm", (0, 3), optional=True), number("ds", (0, 2), optional=True),
            number("bfr", (0, 1), optional=True), urcs=("+CMTI", "+CMT", "+CDSI", "+CDS"), stored=Storage.NVM,
            stored_by_series={Series.LARA_R6: Storage.VOLATILE},
            notes="LENA-R8 stores it by itself (guide 6.1), LARA-R6 not (application note)"),
    command("+CSCA", "Service centre", "srt", standard("27.005 3.3.1"), either("sca", longest=32),
            number("tosca", (0, 255), optional=True)),
    command("+CSMP", "Text mode parameters", "srt", standard("27.005 3.3.2"),
            number("fo", (0, 255), optional=True), either("vp", optional=True),
            number("pid", (0, 255), optional=True), number("dcs", (0, 255), optional=True)),
    command("+CMGS", "Send a message", "st", standard("27.005 3.5.1, 4.3"), either("da_or_length", longest=32),
            number("toda", (0, 255), optional=True), info="+CMGS", needs_pin=True, alone=True, prompt=">",
            times=180.0, times_source=_SEND_TIME, abortable=True),
    command("+CMSS", "Send a stored message", "st", standard("27.005 3.5.2"), number("index", (0, 1024)),
            either("da", optional=True, longest=32), number("toda", (0, 255), optional=True), info="+CMSS",
            needs_pin=True, times=180.0, times_source=_SEND_TIME, abortable=True),
    command("+CMGW", "Store a message", "xst", standard("27.005 3.5.3, 4.4"),
            either("oa_or_length", optional=True, longest=32), number("tooa", (0, 255), optional=True),
            either("stat", optional=True), info="+CMGW", needs_pin=True, alone=True, prompt=">", times=55.0,
            times_source=_STORE_TIME),
    command("+CMGR", "Read a message", "st", standard("27.005 3.4.3, 4.2"), number("index", (0, 1024)),
            info="+CMGR", needs_pin=True, times=55.0, times_source=_STORE_TIME),
    command("+CMGL", "List messages", "xst", standard("27.005 3.4.2, 4.1"), either("stat", optional=True),
            info="+CMGL", needs_pin=True, times=55.0, times_source=_STORE_TIME),
    command("+CMGD", "Delete messages", "st", standard("27.005 3.5.4"), number("index", (0, 1024)),
            number("flag", (0, 4), optional=True), needs_pin=True, times=55.0, times_source=_STORE_TIME),
)
