"""Packet data: contexts, attach, addresses, authentication, DNS servers, dial-up (27.007 10)."""

from __future__ import annotations

from cellbench.catalogue.model import R6_ONLY, R8_ONLY, Form, Series, Storage
from cellbench.catalogue.sources import (
    both_guides,
    guess,
    r6_guide,
    r8_guide,
    standard,
    ubxlib,
)

from .building import TEN, TEN_SOURCE, command, number, run, spans, text

NVM = Storage.NVM
_R8_CIDS = spans((1, 8), 11)
_R6_CIDS = spans((1, 11))
_SHOWN = spans((0, 8), 11)  # LENA-R8 shows context 0, which is not the user's to set


_AUTH = (number("cid", r8=_R8_CIDS, r6=_R6_CIDS), number("auth_type", (0, 3)))

COMMANDS = (
    command(
        "+CGDCONT",
        "Definition of a context",
        "srt",
        both_guides("LENA-R8 7.2.2, Table 17; LARA-R6 2.3.1"),
        number("cid", r8=_R8_CIDS, r6=_R6_CIDS),
        text("pdp_type", "IP", "IPV6", "IPV4V6", optional=True),
        text("apn", optional=True, longest=100),
        text("pdp_addr", optional=True),
        number("d_comp", (0, 3), optional=True),
        number("h_comp", (0, 4), optional=True),
        number("ipv4_addr_alloc", (0, 1), optional=True),
        number("request_type", (0, 2), optional=True),
        number("p_cscf_discovery", (0, 2), optional=True),
        number("im_cn_signalling", (0, 1), optional=True),
        number("nslpi", (0, 1), optional=True),
        number("secure_pco", (0, 1), optional=True),
        number("ipv4_mtu_discovery", (0, 1), optional=True),
        number("local_addr_ind", (0, 1), optional=True),
        times=TEN,
        times_source=TEN_SOURCE,
        stored=NVM,
        notes='LENA-R8 prints context 0 short and others with ",0,0", an unset address as "IPv4:0.0.0.0" '
        "(Table 17); LARA-R6 prints six numbers after the address (2.3.1)",
    ),
    command(
        "+CGACT",
        "Activation of contexts",
        "srt",
        both_guides("LENA-R8 7.2.2, Table 17; LARA-R6 2.3.1"),
        number("state", (0, 1)),
        *run("cid", 8, r8=_SHOWN, r6=_R6_CIDS),
        times={None: 10.0, Form.SET: 180.0},
        abortable=True,
        times_source=ubxlib("180 s on relatives; SARA-R4 manual: 150 s to activate, 40 s to deactivate"),
        notes="read: one line for each context; LENA-R8 answers nothing but OK when none is active (7.2.1)",
    ),
    command(
        "+CGATT",
        "Attach",
        "srt",
        standard("27.007 10.1.9"),
        number("state", (0, 1)),
        times={None: 10.0, Form.SET: 180.0},
        times_source=guess("180 s, remembered"),
        abortable=True,
        notes="LENA-R8 answers +CGATT:1 without the blank (ubxlib issue 210)",
    ),
    command(
        "+CGPADDR",
        "Addresses of contexts",
        "xst",
        standard("27.007 10.1.14"),
        *run("cid", 8, r8=_SHOWN, r6=_R6_CIDS),
        info="+CGPADDR",
        times=TEN,
        times_source=TEN_SOURCE,
        notes="may come without an address for a moment (ubxlib)",
    ),
    command(
        "+CGCONTRDP",
        "Dynamic parameters of a context",
        "xst",
        r6_guide("2.3.1, printed AT+CGDCONTRDP; 27.007 10.1.23"),
        number("cid", optional=True, r8=_SHOWN, r6=_R6_CIDS),
        info="+CGCONTRDP",
        times=TEN,
        times_source=TEN_SOURCE,
        notes="<cid>,<bearer>,<apn>,<addr.mask>,<gw>,<dns1>,<dns2>; the DNS part is unusable on LENA-R8 "
        "(ubxlib); further fields of 27.007 10.1.23, the last <IPv4_MTU> (LARA-R6 guide 4); "
        "the APN is the user's own (LARA-R6 guide 2.3.1)",
    ),
    command(
        "+CGEREP",
        "Report of packet events",
        "srt",
        r8_guide("8.1.1, Table 19: +CGEREP=2,1"),
        number("mode", (0, 2), optional=True),
        number("bfr", (0, 1), optional=True),
        times=TEN,
        times_source=TEN_SOURCE,
        urcs=("+CGEV",),
        notes="2 keeps URCs while the port is busy",
    ),
    command(
        "+CFGDFTPDN",
        "Anchor APN",
        "s",
        r8_guide("7.2.1.1, Table 16"),
        number("type", (1, 3)),
        number("auth", (0, 3)),
        text("apn", optional=True, longest=100),
        text("user", optional=True, secret=True),
        text("password", optional=True, secret=True),
        series=R8_ONLY,
        stored=NVM,
        times=TEN,
        times_source=TEN_SOURCE,
        notes="while deregistered; types 1 IP, 2 IPV6, 3 IPV4V6",
    ),
    command(
        "+UAUTHREQ",
        "Authentication of a context",
        "st",
        r8_guide("13.1, Table 54; ubxlib u_cell_net.c"),
        *_AUTH,
        text("user", optional=True, longest=64, secret=True),
        text("password", optional=True, longest=64, secret=True),
        params_by_series={
            Series.LARA_R6: (
                *_AUTH,
                text("password", optional=True, longest=64, secret=True),
                text("user", optional=True, longest=64, secret=True),
            )
        },
        stored=NVM,
        times=TEN,
        times_source=TEN_SOURCE,
        notes="LARA-R6 takes the password before the user; types 0 none, 1 PAP, 2 CHAP, 3 automatic",
    ),
    command(
        "+CDNSCFG",
        "DNS servers of all contexts",
        "sr",
        r8_guide("13.1, Table 54 (named); form remembered"),
        text("primary", longest=45),
        text("secondary", optional=True, longest=45),
        series=R8_ONLY,
        times=TEN,
        times_source=TEN_SOURCE,
        stored=Storage.VOLATILE,
        notes="again after each change of activation",
    ),
    command(
        "+UDNSCFG",
        "DNS servers of a context",
        "s",
        r6_guide("2.4.2.1"),
        number("cid", (1, 11)),
        number("dns", (1, 2)),
        number("ip_type", (0, 1)),
        text("address", optional=True, longest=45),
        series=R6_ONLY,
        times=TEN,
        times_source=TEN_SOURCE,
        notes="1 primary, 2 secondary; 0 IPv4, 1 IPv6",
    ),
    command(
        "+UDCONF",
        "Module configuration",
        "s",
        both_guides("LENA-R8 3.3.1; LARA-R6 2.3.1, 2.5"),
        number("config", (0, 255)),
        number("value1", optional=True),
        number("value2", optional=True),
        number("value3", optional=True),
        info="+UDCONF",
        stored=NVM,
        notes="1 hex mode of sockets; 19 context and IP type of clients (LARA-R6); 66,4 464XLAT (LARA-R6); "
        "81 network tester (refused by LENA-R8); alone with a number it asks: +UDCONF: <config>,<value>",
    ),
    command(
        "+CGDATA",
        "Data mode on a context",
        "st",
        r8_guide("5.8, 5.8.2, Table 13"),
        text("l2p", "PPP"),
        number("cid", optional=True, r8=_R8_CIDS, r6=_R6_CIDS),
        times=180.0,
        times_source=guess("180 s, remembered"),
    ),
    command(
        "+UEMBPF",
        "Ports of embedded clients beside PPP",
        "srt",
        r6_guide("4.3"),
        number("mode", (0, 1)),
        text("range", optional=True, longest=11),
        series=R6_ONLY,
        stored=NVM,
        notes="1 and first-last port (50 ports or more, above 1024): in force after a reboot; clients inside "
        "send from these ports and only answers to them come to them while a PPP link is up; 0: all answers "
        "go to the host; factory value unknown (a sibling: off, or 9999-19999)",
    ),
)
