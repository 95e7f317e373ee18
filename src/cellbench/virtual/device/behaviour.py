"""Facts that no document at hand settles, as settings of the virtual module.

Each field of :class:`Behaviour` is one setting with a default per series, the kind of evidence behind
the default and a sentence; the documentation lists them from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from cellbench.catalogue.model import Series
from cellbench.virtual.device.behaviour_messaging import D, G, M, S, SettingInfo, X, fact
from cellbench.virtual.device.behaviour_serial import UartFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour(UartFacts):
    """Every doubtful fact of one virtual module; make it by :func:`behaviour_for`."""

    # the AT interface
    ports_serialised: bool = fact(
        "One command at a time over all AT ports, the others wait in order of arrival.",
        G, "LARA-R6: application note; LENA-R8 guide 4.2.2 says so, chapter 13.1 the opposite",
        r8=False, r6=True)
    abort_result: str = fact(
        "Final result code of an aborted command, empty for none.",
        G, "LENA-R8 guide 4.1.3: none; LARA-R6 unknown", r8="", r6="ABORTED")
    info_lines_apart: bool = fact(
        "Each line of an information text response has its own CR LF in front.",
        X, "habit of the chip makers' firmware", r8=True, r6=False)
    error_unknown: int = fact(
        "+CME ERROR number of an unknown command.", X, "facts sheet 14.4: 100, 3, 4 or 50", r8=100, r6=4)
    error_form: int = fact(
        "+CME ERROR number of a form that the command does not have.", X, "facts sheet 14.4", r8=4, r6=4)
    error_parameter: int = fact(
        "+CME ERROR number of a parameter that is missing, too many or out of range.",
        X, "facts sheet 14.2: 50 incorrect parameters", r8=50, r6=50)
    error_too_long: int = fact(
        "+CME ERROR number of a command line longer than the module takes.",
        M, "error list of the LENA-R8 AT manual: 1650 command line too long", r8=1650, r6=1650)
    cmee_factory: int = fact("+CMEE at delivery.", X, "world file: 0", r8=0, r6=0)
    urc_queue: int = fact("URCs kept for a busy port; older ones are dropped.", X, "", r8=100, r6=100)
    typing_holds_urcs_s: float = fact(
        "Seconds without a character after which a half-typed line no longer holds URCs back.",
        X, "", r8=5.0, r6=5.0)
    prompt_early_bytes_lost: bool = fact(
        "Payload bytes that come sooner than the settling time after @ are lost.",
        G, "LARA-R6 guide 5.3.1: wait 50 ms", r8=True, r6=True)
    escape_gap_s: float = fact(
        "Longest time between two characters of the escape sequence.",
        G, "LARA-R6 guide 9.1.4: 500 ms", r8=0.5, r6=0.5)
    escape_trailing_s: float = fact(
        "Silence after +++ before it counts as the escape sequence.",
        X, "LARA-R6 guide 9.1.4: a single frame of 3 bytes", r8=0.5, r6=0.5)
    autobaud_again: bool = fact(
        "With +IPR=0 the rate is measured anew when the host changes its rate, else once a boot.",
        X, "", r8=True, r6=False)
    autobaud_settle_s: float = fact(
        "Time after the measuring AT during which the UART takes nothing.",
        G, "LENA-R8 guide 5.3: 100 ms", r8=0.05, r6=0.0)
    k_refused_on_usb: int = fact(
        "+CME ERROR number of AT&K on a USB port, 0 when it is taken.",
        D, "public driver and issue thread (LARA-R6 00.13,A00.01: operation not supported)", r8=4, r6=4)
    greeting_per_port: bool = fact(
        "The greeting comes once on each port, when its DTR is first seen on; else once at the boot.",
        M, "LARA-R6 application note", r8=False, r6=True)
    tz_quoted: bool = fact("<tz> of +CTZV and +CTZE stands in quotes.", X, "27.007 calls it a string",
                           r8=False, r6=False)

    # identity and start
    csgt_error_when_off: bool = fact(
        "+CSGT? answers ERROR while the greeting is off.", D, "public driver", r8=True, r6=False)
    cpof_before_ok: bool = fact(
        "+CPOF: MS OFF comes before the OK of +CPWROFF.", D, "issue thread 241 of the public driver",
        r8=True, r6=False)
    cfun_read_stk: bool = fact(
        "+CFUN? shows <STK_mode> after the mode.", X, "remembered", r8=False, r6=True)
    cops0_leaves_minimum: bool = fact(
        "AT+COPS=0 in +CFUN: 0 makes it +CFUN: 1, else it is refused.",
        G, "LENA-R8 guide 13.1", r8=True, r6=False)
    reset_pin_graceful: bool = fact(
        "RESET_N saves settings and detaches before the restart.",
        M, "LARA-R6 data sheet; LENA-R8 unknown, taken as abrupt", r8=False, r6=True)
    usim_busy_s: float = fact(
        "Seconds after AT is ready in which the SIM answers busy.", X, "remembered: 1 to 3 s", r8=1.5, r6=2.0)
    vint_rise_s: float = fact("PWR_ON to V_INT high.", X, "remembered: 50 to 300 ms", r8=0.1, r6=0.1)
    usb_up_s: float = fact("V_INT high to USB enumeration.", X, "remembered: 2 to 4 s", r8=2.5, r6=3.0)
    boot_s: float = fact("V_INT high to the greeting and the first AT.", X, "remembered", r8=4.5, r6=6.5)
    trace_byte_s: int = fact(
        "Bytes a second that each open trace port streams; their frames are made up.",
        X, "both makers' tools record such streams; neither form nor rate is documented", r8=4000, r6=4000)
    usb_last_words_s: float = fact(
        "True seconds from the last result code of a switch-off or restart to the end of an open USB port.",
        X, "a host must be able to read the OK; unread data ends with the device", r8=0.05, r6=0.05)
    reboot_gap_s: float = fact("A restart's time between the ports' end and the boot.", X, "", r8=1.0, r6=1.0)
    detach_s: float = fact("+CPWROFF to its OK: the detach.", X, "", r8=1.0, r6=1.0)
    vint_fall_s: float = fact("OK of +CPWROFF to V_INT low.", X, "facts sheet 1.2: 2 to 5 s", r8=2.5, r6=2.5)
    restore_s: float = fact("Added to a boot that restores the file system.", M, "LARA-R6: up to 15 s",
                            r8=4.0, r6=10.0)

    gpio_functions: tuple[int, ...] = fact(
        "Functions that +UGPIOC takes.", D, "public driver lists them for the family; a series offers some",
        r8=(0, 1, 2, 3, 4, 7, 9, 10, 14, 18, 21, 255), r6=(0, 1, 2, 3, 4, 7, 9, 10, 14, 15, 18, 19, 24, 255))

    # radio
    search_s: float = fact("Start of the search to the attach request.", X, "", r8=3.0, r6=4.0)
    attach_s: float = fact("Attach request to its answer.", X, "", r8=1.5, r6=1.5)
    scan_s: float = fact("+COPS=? over all bands.", X, "", r8=30.0, r6=40.0)
    radio_busy_error: int = fact(
        "+CME ERROR number of +COPS and +CGATT while another port's scan (+COPS=?) goes on.",
        X, "LENA-R8 guide 4.2.2: to be avoided", r8=3, r6=3)
    scan_yields: bool = fact(
        "They break the scan off instead; +CFUN always does.", X, "", r8=False, r6=False)
    scan_broken_error: int = fact(
        "+CME ERROR number of a scan that was broken off.", X, "27.007: no network service", r8=30, r6=30)
    cfun_on_s: float = fact("+CFUN=1 to its OK.", X, "", r8=1.0, r6=1.0)
    cfun_off_s: float = fact("+CFUN=0 or 4 to its OK, the detach included.", X, "", r8=1.5, r6=1.5)
    activate_s: float = fact("+CGACT=1 to its answer.", X, "", r8=0.8, r6=0.8)
    deactivate_s: float = fact("+CGACT=0 to its answer.", X, "", r8=0.5, r6=0.5)
    rrc_release_s: float = fact("Last data to the release of the radio connection.", M, "5 to 60 s",
                                r8=10.0, r6=10.0)
    creg_without_n: bool = fact(
        "+CREG? answers without <n>.", D, "public driver; issue thread 210", r8=True, r6=False)
    creg_repeated: bool = fact(
        "+CREG comes twice after an LTE registration: with the LTE width and AcT, then in upper case with "
        "four digits and no AcT.", D, "issue thread 210", r8=True, r6=False)
    ereg_on_legacy: int = fact("<stat> of +CEREG while registered on 2G or 3G.", X, "27.007: 0 or 4",
                               r8=0, r6=4)
    lost_stat: int = fact("<stat> after coverage was lost.", S, "27.007: 4, unknown (out of coverage)",
                          r8=4, r6=4)
    retry_s: float = fact("Pause between two attach requests after a passing refusal.", S,
                          "24.301 T3411: 10 s", r8=10.0, r6=10.0)
    act_in_greg: bool = fact("+CGREG lines carry AcT.", D, "public driver", r8=False, r6=True)
    greg_on_lte: int = fact(
        "<stat> of +CGREG while registered on LTE.", D, "public driver: 0; application note: 4", r8=0, r6=4)
    cereg_blank: bool = fact(
        "A blank stands before AcT in the answer of +CEREG?.", D, "issue thread 210", r8=True, r6=False)
    cereg_extra_field: bool = fact(
        "+CEREG? with n=4 or 5 has an empty field (RAC or MME) after the TAC.", D, "public driver",
        r8=False, r6=True)
    cereg_causes_always: bool = fact(
        "+CEREG? with n=4 or 5 prints cause fields as 0 when there is no cause.", D, "issue thread 210",
        r8=True, r6=False)
    cops_list_line_ends: bool = fact(
        "LF CR stands before each entry of +COPS=?.", D, "public driver", r8=True, r6=False)
    cops_list_short_when_busy: bool = fact(
        "+COPS=? gives its last part alone while the radio is busy searching.", D, "public driver",
        r8=True, r6=False)
    cops_format_factory: int = fact(
        "Format of +COPS? at delivery.", G, "LENA-R8 guide Table 15: 2; LARA-R6 guide 2.3.1: 0", r8=2, r6=0)
    cgatt_no_blank: bool = fact("+CGATT:1 without the blank.", D, "issue thread 210", r8=True, r6=False)
    umnoprof_100_refused: bool = fact(
        "+UMNOPROF=100 is refused.", D, "test of the public driver; the LARA-R6 guide uses 100",
        r8=False, r6=False)

    # contexts
    cgact_lists_initial: bool = fact(
        "+CGACT? lists context 0 while it is active.", G, "LENA-R8 guide Table 15 yes, Table 17 no",
        r8=True, r6=True)
    cgact_hides_initial_with_others: bool = fact(
        "+CGACT? leaves context 0 out once another context is active.", G, "LENA-R8 guide Table 17 row 8",
        r8=True, r6=False)
    cgact_lists_inactive: bool = fact(
        "+CGACT? lists defined contexts that are not active.",
        S, "27.007 10.1.10; LENA-R8 guide 7.2.1: no answer if not active",
        r8=False, r6=True)
    initial_reserved: bool = fact(
        "The initial bearer's context cannot be set, activated or used by the host.",
        G, "LENA-R8 guide 7.2.1", r8=True, r6=False)
    primary_contexts: int = fact(
        "Contexts that may be active at once, secondary ones not counted.",
        G, "LARA-R6 guide 2.1: 5; LENA-R8 unknown", r8=5, r6=5)
    contexts_full_error: int = fact("+CME ERROR number of one context too many.",
                                    M, "error list of the LENA-R8 AT manual: 165", r8=165, r6=165)
    cid_undefined_error: int = fact("+CME ERROR number for a context that is not defined.",
                                    M, "error list of the LENA-R8 AT manual: 143", r8=143, r6=143)
    not_attached_error: int = fact("+CME ERROR number of +CGACT without a network.", S, "27.007: 30",
                                   r8=30, r6=30)
    cgdcont_tail: str = fact("What follows the address in +CGDCONT?.", G,
                             "LENA-R8 guide Table 17; LARA-R6 guide 2.3.1", r8=",0,0", r6=",0,0,0,0,0,0")
    unset_address: str = fact("Address of an IPv4 context that is not active.", G,
                              "LENA-R8 guide Table 17; LARA-R6 application note",
                              r8="IPv4:0.0.0.0", r6="0.0.0.0")
    udconf_refused: tuple[int, ...] = fact(
        "+UDCONF numbers that the series does not have.", G, "LENA-R8 guide 3.3.1 (81) and 13.1",
        r8=(19, 66, 81), r6=())
    udconf_19_lacking: tuple[str, ...] = fact(
        "Ordering codes (how they begin) without +UDCONF=19.", G, "LARA-R6 guide 2.3.1", r8=(),
        r6=("LARA-R6001D-00B",))
    udconf_refused_error: int = fact("+CME ERROR number of a +UDCONF that is not there.", X, "", r8=4, r6=4)
    csim_refusal_unquoted: bool = fact(
        "+CSIM answers a lone 6Cxx without quotes.", G, "LENA-R8 guide Table 46, doubtful", r8=True, r6=False)
    sim_card: str = fact(
        "The card in the slot: world, the name of one that comes with the package, or a profile file.",
        X, "a choice, not a fact", r8="world", r6="world")
    csim_follows_t0: bool = fact(
        "What 61xx and 6Cxx promise is fetched before +CSIM and +CGLA answer; else they show it.",
        G, "LENA-R8 guide Table 46; LARA-R6: taken as the same", r8=True, r6=True)
    ccho_named: bool = fact("+CCHO answers +CCHO: <session>, else the number alone.",
                            X, "27.007 8.45 prints it alone, facts sheet 9 with the name", r8=False, r6=True)
    sim_hot_insertion: bool = fact(
        "A card put in while the module runs is started at once, where GPIO5 is the detection.",
        X, "facts sheet 9: +UDCONF=50 or sim_hotplug, remembered", r8=True, r6=True)
    channel_needs_length: bool = fact(
        "MANAGE CHANNEL with length 00 is refused with 6C01.", G, "LENA-R8 guide Table 46", r8=True, r6=False)
    channel_1_in_use: bool = fact(
        "Logical channel 1 is the module's own; the first one opened is 2.", M, "LARA-R6 application note",
        r8=False, r6=True)
    last_pdn_error: int = fact(
        "+CME ERROR number when the last PDN connection would be closed.",
        M, "error list of the LENA-R8 AT manual: 171 or 1149", r8=171, r6=171)
    apn_unknown_error: int = fact(
        "+CME ERROR number when the network does not know the APN.",
        M, "error list of the LENA-R8 AT manual: 127", r8=127, r6=127)
    uauthreq_needs_strings: bool = fact(
        "+UAUTHREQ with type 0 wants two empty strings.", D, "public driver", r8=True, r6=False)
    uauthreq_automatic: bool = fact("+UAUTHREQ takes type 3.", D, "public driver tries each type",
                                    r8=False, r6=False)
    cgpaddr_late_s: float = fact(
        "Time after +CGACT in which +CGPADDR shows no address.", D, "public driver", r8=0.0, r6=0.0)
    context_zero_suffix: bool = fact(
        "+CGDCONT? prints the two zeros for context 0 too.", G, "LENA-R8 guide Tables 15, 17, 20",
        r8=False, r6=True)
    cgcontrdp_dns: bool = fact(
        "+CGCONTRDP carries usable DNS addresses.", D, "test of the public driver", r8=False, r6=True)

    # sockets
    socket_needs_context: bool = fact(
        "+USOCR is refused while the socket's context is not active.",
        G, "LENA-R8 guide 9.2, LARA-R6 guide 5: activate a data connection first", r8=True, r6=True)
    socket_refusal: int = fact(
        "+CME ERROR number of a refused socket command.",
        M, "sibling's manual: operation not allowed", r8=3, r6=3)
    usocr_shows_local_port: bool = fact(
        "+USOCR with a local port answers socket and port.",
        G, "LARA-R6 guide 5.6; LENA-R8 unknown", r8=False, r6=True)
    usowr_on_udp_answers_usost: bool = fact(
        "+USOWR on a UDP socket answers +USOST.", D, "public driver", r8=True, r6=False)
    usocl_asynchronous: bool = fact(
        "+USOCL takes the asynchronous flag.", D, "public driver", r8=True, r6=False)
    usogo_empty_options: tuple[tuple[int, int], ...] = fact(
        "Options (level, option) that +USOGO shows without a value.",
        D, "test of the public driver", r8=((65535, 4), (65535, 8)), r6=())
    socket_options_refused: tuple[tuple[int, int], ...] = fact(
        "Options (level, option) that +USOSO and +USOGO refuse.",
        D, "test of the public driver", r8=((65535, 32), (65535, 512)), r6=((65535, 4), (65535, 32)))
    linger_refused: int = fact(
        "The value of SO_LINGER's first number that +USOSO refuses.",
        D, "test of the public driver", r8=0, r6=1)
    keep_idle_floor_ms: int = fact(
        "Smallest keep idle time; shorter ones become this.", D, "test of the public driver", r8=0, r6=1000)
    udp_connect_excludes_usost: bool = fact(
        "After +USOCO a UDP socket refuses +USOST and +USORF, without it +USOWR and +USORD.",
        G, "LENA-R8 guide 9.2, LARA-R6 guide 5: +USOCO goes with +USOWR and +USORD only", r8=True, r6=True)
    socket_listens_on_udp: bool = fact("+USOLI takes a UDP socket.", X, "", r8=False, r6=False)
    unread_prefix: str = fact(
        "URC that announces datagrams.", G, "LARA-R6 guide 5.7; LENA-R8 unknown", r8="+UUSORD", r6="+UUSORD")
    unread_again_s: float = fact(
        "True seconds from a read that leaves data to the URC that says how much there is by then.",
        G, "LARA-R6 guide 5.5: data that comes after the first part was read is counted", r8=0.4, r6=0.4)
    read_queue: int = fact(
        "Bytes a socket keeps unread.", G, "LARA-R6 guide 5.3.3: 12 kB; LENA-R8 unknown", r8=12288, r6=12288)
    write_queue: int = fact(
        "Bytes a socket keeps unsent.", G, "LARA-R6 guide 5.3.3: 8 kB; LENA-R8 unknown", r8=8192, r6=8192)
    secure_write_queue: int = fact(
        "Bytes a secure socket keeps unsent.", G, "LARA-R6 guide 5.11: 1 kB; LENA-R8 unknown",
        r8=1024, r6=1024)
    usosec_dtls: bool = fact(
        "+USOSEC is taken on a UDP socket.", G, "LARA-R6 guide 5.11; LENA-R8 has TLS only", r8=False, r6=True)
    connect_s: float = fact("+USOCO of TCP to its answer, beyond the handshake itself.", X, "",
                            r8=0.2, r6=0.2)
    connect_timeout_s: float = fact(
        "+USOCO of TCP to its failure when nobody answers.", X, "answer due within 120 s", r8=75.0, r6=75.0)
    socket_linger_s: float = fact(
        "Longest wait for a peer that does not finish closing.", M, "sibling's guide: 33 s", r8=33.0, r6=33.0)
    payload_timeout_s: float = fact(
        "Silence after which the @ prompt gives up, true seconds.",
        M, "sibling's manual: 10 s", r8=10.0, r6=10.0)

    # files
    fs_bytes: int = fact(
        "Bytes that all files together may have.", X, "facts sheet 12: about 1 MB and about 5 MB, remembered",
        r8=1_572_864, r6=5_242_880)
    fs_files: int = fact("Files that there may be.", X, "facts sheet 12: 1225 remembered for LARA-R6",
                         r8=256, r6=1225)
    fs_name_length: int = fact(
        "Characters of a file name.", D, "public driver: u_cell_private.c, u_cell_file.h", r8=63, r6=248)
    fs_input_timeout_s: float = fact(
        "Silence after which the prompt of +UDWNFILE gives up, true seconds.",
        M, "sibling's manual: 20 s", r8=20.0, r6=20.0)
    fs_timeout_error: int = fact("+CME ERROR number of that silence.", M, "sibling's manual: FFS TIMEOUT",
                                 r8=1649, r6=1649)
    urdfile_name_quoted: bool = fact(
        "+URDFILE prints the name in quotes.", G, "LENA-R8 guide Table 31, LARA-R6 guide 10.2: without; "
        "public driver: with", r8=False, r6=False)

    # certificates
    certificates: int = fact("Certificates and keys that can be stored.", D, "public driver: 16",
                             r8=16, r6=16)
    pem_loose: bool = fact(
        "A PEM whose lines are not broken as RFC 7468 wants is taken.",
        D, "issue thread of the public driver (LENA-R8 02.00,A01.40 refuses it)", r8=False, r6=True)
    key_password: bool = fact(
        "PKCS8 keys with a password are taken.",
        G, "LENA-R8 guide 9.1.1: not supported; LARA-R6 as the family", r8=False, r6=True)
    usecmng_import_number: int = fact(
        "First number of the answer to +USECMNG with operation 0.",
        D, "public driver: 0; both guides print 1, which errata call doubtful", r8=0, r6=0)
    usecmng_label_quoted: bool = fact(
        "+USECMNG=3 prints CA, CC and PK in quotes.",
        G, "LENA-R8 guide Table 22: without", r8=False, r6=False)
    usecmng_date_with_time: bool = fact(
        "+USECMNG=3 prints the end of validity with its time.",
        G, "LENA-R8 guide Table 22: with; Table 24: the day alone", r8=True, r6=True)
    usecmng_input_timeout_s: float = fact(
        "Silence after which the prompt of +USECMNG gives up, true seconds.",
        M, "error list of the LENA-R8 AT manual: no input for more than 20 s", r8=20.0, r6=20.0)

    # security profiles
    usecprf_check: int = fact("Operation 0 of +USECPRF after a reset of the profile.",
                              D, "test of the public driver", r8=0, r6=1)
    tls13: bool = fact("TLS 1.3 is offered.", M, "LARA-R6 data sheet; LENA-R8 guide does not mention it",
                       r8=False, r6=True)
    dtls: bool = fact("DTLS is there.", G, "LENA-R8 guide speaks of SSL/TLS only; LARA-R6 guide 3",
                      r8=False, r6=True)
    session_resumption: bool = fact(
        "+USECPRF has operation 13.", G, "LARA-R6 guide 3.4; LENA-R8 guide names it for FTPS alone",
        r8=False, r6=True)
    tls_version_exact: bool = fact(
        "Operation 1 of +USECPRF is exactly the version offered, else the lowest.",
        G, "both guides: minimum version; one public driver: exactly", r8=False, r6=False)
    root_needs_ca_flag: bool = fact(
        "A server certificate that is imported as root counts only when it is flagged as CA.",
        G, "LARA-R6 guide 3.5; LENA-R8 guide 9.1.4 does not say so", r8=False, r6=True)
    root_of_trust: bool = fact("+USECPRF has operations 11 and 14.", M, "LARA-R6 data sheet",
                               r8=False, r6=True)
    tls_connections: int = fact("Secure connections at once.", G, "LENA-R8 guide 9.1.3, LARA-R6 guide 3.3: 4",
                                r8=4, r6=4)

    # HTTP client
    http_version: str = fact(
        "Version of HTTP in requests.", D, "test of the public driver: its server answers 1.0",
        r8="1.0", r6="1.0")
    http_answer_always: bool = fact(
        "An answer other than 2xx is stored and counts as good.",
        D, "test of the public driver: LENA-R8 says 0 and keeps the older file", r8=False, r6=True)
    http_secure_moves_port: bool = fact(
        "Operation 6 of +UHTTP moves the port to 443 and back unless it was set by hand.",
        G, "LARA-R6 guide 10.4; LENA-R8 guide 9.3.1: set 443 by hand", r8=False, r6=True)
    uhttp_read_with_op: bool = fact(
        "The read form of +UHTTP prints the operation's number.",
        M, "sibling's manual; a public driver skips it", r8=True, r6=True)

    # FTP client
    ftp_answer_s: float = fact(
        "Wait for an answer of the FTP server, and for its data, while +UFTP sets no time-out.",
        D, "the maker's scripts wait 180 s", r8=180.0, r6=180.0)
    ftp_linger_s: float = fact(
        "Linger of the sockets of the FTP client.", M, "SARA-R5 internet guide", r8=60.0, r6=60.0)
    ftp_direct_link_ends: bool = fact(
        "The direct link of a retrieved file ends by itself at the end of the file.",
        G, "LENA-R8 guide 9.3.2.2.1, LARA-R6 guide 9.1.1: it waits for +++; a sibling's page: it ends",
        r8=False, r6=False)
    ftp_get_keeps_part: bool = fact(
        "What came of a file before its connection broke is kept, so that the restart can go on.",
        X, "the guides' restart goes on from the latest byte saved", r8=True, r6=True)
    ftp_get_replaces: bool = fact(
        "A file got from its beginning replaces one of the same name, else it is refused.",
        X, "", r8=True, r6=True)
    ftp_context_choice: bool = fact(
        "Operation 20 of +UFTP chooses the context; where it does not, it is taken and has no effect.",
        G, "LARA-R6 guide 9; LENA-R8 guide 6.1 has no such mapping, a user reports +UMQTT=20 as taken",
        r8=False, r6=True)
    ftps_data_resumes: bool = fact(
        "FTPS data channels offer the control channel's session without operation 13 of +USECPRF.",
        X, "LENA-R8 guide 9.3.2.2.4 wants operation 13, which its own list lacks; LARA-R6 guide 9.2 wants it",
        r8=True, r6=False)

    # MQTT-SN client
    mqttsn_clean_session: bool = fact(
        "The MQTT-SN client asks for a clean session while operation 10 of +UMQTTSN is not set.",
        X, "not in the guides' factory list; both guides set it for MQTT Anywhere", r8=True, r6=True)
    mqttsn_retry_s: float = fact(
        "Wait for the gateway's answer before a message is sent again.",
        S, "MQTT-SN 1.2, 7.2: 10 to 15 s", r8=10.0, r6=10.0)
    mqttsn_retries: int = fact(
        "How often a message is sent again before the timeout error 21.",
        S, "MQTT-SN 1.2, 7.2: 3 to 5", r8=3, r6=3)
    mqttsn_open_s: float = fact(
        "Wait for the gateway's name and for the DTLS handshake.",
        X, "as the MQTT client", r8=120.0, r6=120.0)
    mqttsn_code_gateway: int = fact(
        "Added to the gateway's return code (1 congestion, 2 topic id, 3 not supported) for +UMQTTSNER.",
        X, "the codes of refusals are not known", r8=0, r6=0)
    mqttsn_code_connection: int = fact(
        "Code of +UMQTTSNER when the gateway is not found or the session is lost.",
        X, "as +UMQTTER", r8=8, r6=8)
    mqttsn_code_secure: int = fact("Code of +UMQTTSNER when DTLS fails.", X, "as +UMQTTER", r8=8, r6=8)
    mqttsn_code_context: int = fact(
        "Code of +UMQTTSNER without a packet data connection.", X, "as +UMQTTER", r8=50, r6=50)
    mqttsn_subscribed_type: bool = fact(
        "The third number of +UUMQTTSNC: 5 is the topic type for normal topics too, else their granted QoS.",
        G, "LARA-R6 guide 7.3 calls it the granted QoS, prints the type of a short topic in 7.7",
        r8=False, r6=False)
    mqttsn_read_prefix: str = fact(
        "Prefix of a message read by operation 9 of +UMQTTSNC.",
        D, "public driver: +UMQTTC on LENA-R8; LARA-R6 guide 7.4", r8="+UMQTTC", r6="+UMQTTSNC")
    mqttsn_unread: int = fact(
        "MQTT-SN messages kept unread; a further one drops the oldest.", X, "neither is known", r8=20, r6=20)
    mqttsn_read_empty_refused: bool = fact(
        "Reading with no MQTT-SN message waiting is refused, else OK alone.",
        D, "public driver, of MQTT", r8=True, r6=False)
    mqttsn_context_choice: bool = fact(
        "Operation 20 of +UMQTTSN has an effect, else it is taken and ignored.",
        G, "LARA-R6 guide 7.1.4; LENA-R8 guide 7.2.2: no choice", r8=False, r6=True)

    # resolver and ping
    resolver_next_s: float = fact("Wait before the next resolver is asked too.", X, "", r8=5.0, r6=5.0)
    resolver_total_s: float = fact(
        "Wait for any resolver, true seconds.", X, "drivers wait 70 s and more", r8=10.0, r6=10.0)
    dns_refusal: int = fact("+CME ERROR number of a name that cannot be resolved.", X, "", r8=3, r6=3)
    uudnsrn_every: int = fact(
        "Each n-th answer of +UDNSRN has the prefix +UUDNSRN, 0 for none.",
        D, "public driver: now and then on LENA-R8", r8=0, r6=0)
    cdnscfg_forgotten: bool = fact(
        "+CDNSCFG is forgotten at each change of context activation.",
        G, "LENA-R8 guide 13.1", r8=True, r6=False)
    ping_pause_s: float = fact("Pause between echo requests.", X, "remembered: 1 s", r8=1.0, r6=1.0)
    ping_uses_last_address: bool = fact(
        "Of several addresses of a name +UPING takes the last IPv4 one.",
        G, "LARA-R6 guide 2.4.1 and 2.4.2 print two addresses of one name", r8=True, r6=True)
    pinger_socket_number: bool = fact(
        "+UUPINGER carries a number before the code.", D, "public Arduino code reads two", r8=False, r6=False)


def behaviour_for(series: Series, overrides: Mapping[str, object] | None = None) -> Behaviour:
    """The defaults of a series with some settings changed; KeyError names a setting that does not exist."""
    values: dict[str, Any] = {one.name: one.metadata["defaults"][series] for one in fields(Behaviour)}
    for name, value in (overrides or {}).items():
        if name not in values:
            raise KeyError(name)
        values[name] = value
    return Behaviour(**values)


def documented() -> tuple[SettingInfo, ...]:
    """All settings, for the documentation."""
    inherited = {one.name for one in fields(UartFacts)}
    ordered = sorted(fields(Behaviour), key=lambda one: one.name in inherited)
    return tuple(SettingInfo(one.name, one.metadata["doc"], one.metadata["evidence"], one.metadata["source"],
                             one.metadata["defaults"]) for one in ordered)
