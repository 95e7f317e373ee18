"""Doubtful facts of dial-up (see ``behaviour``)."""

from __future__ import annotations

from dataclasses import dataclass

from cellbench.virtual.device.behaviour_messaging import D, G, M, S, X, fact
from cellbench.virtual.device.behaviour_sleep import SleepFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class PppFacts(SleepFacts):
    """How a series does what the guides leave open about PPP."""

    ppp_connect: str = fact(
        "Result code of a dial-up that comes about.",
        G, "LENA-R8 guide Tables 12 and 13; a public driver reads a rate too, remembered for LARA-R6",
        r8="CONNECT", r6="CONNECT 150000000")
    ppp_at_once: int = fact(
        "PPP links at once.", G, "LENA-R8 guide Table 4: on one port per time; LARA-R6 guide 4.1.3: 3",
        r8=1, r6=3)
    ppp_needs_dtr: bool = fact(
        "A dial with DTR off brings NO CARRIER.", G,
        "LENA-R8 guide 13.1: on LARA-R6; the cell of LENA-R8 is empty", r8=False, r6=True)
    ppp_unique_apn: bool = fact(
        "A dial on a context whose APN another PPP link uses brings NO CARRIER.", G, "LARA-R6 guide 4.1.3",
        r8=False, r6=True)
    ppp_default_cid: int = fact("Context of ATD*99# and of +CGDATA without one.", X, "remembered",
                                r8=1, r6=1)
    ppp_private_net: int = fact(
        "The host gets 192.168.(this and <cid>).1, the module has .2; 0: the network's own address is the "
        "host's.", M, "LENA-R8 guide 5.8: private; a sibling's: 200; LARA-R6 guide 4.1.1: the network's",
        r8=200, r6=0)
    ppp_ipv6: bool = fact(
        "IPv6CP is there where the context has IPv6.", G, "LARA-R6 guide 4.1.2; LENA-R8 unknown",
        r8=False, r6=True)
    ppp_shares_context: bool = fact(
        "Clients and sockets inside may use the context of a PPP link too.",
        G, "LENA-R8 guide 13.1: not on LENA-R8; +UEMBPF on LARA-R6", r8=False, r6=True)
    ppp_host_credentials: bool = fact(
        "On contexts other than the initial one the host is asked for user and password, which the network "
        "is then given; a host that rejects it goes on without.", G, "LARA-R6 guide 4", r8=False, r6=True)
    escape_guard_hears_output: bool = fact(
        "In PPP what the module sends to the host breaks the silence before +++ too.",
        X, "LENA-R8 guide 5.8.2 asks the host for silence since data was sent or received",
        r8=False, r6=False)
    escape_s2_link: bool = fact(
        "S2 chooses the character of the escape sequence in direct links; above 127 there is none.",
        G, "LARA-R6 guide 9.1.4; LENA-R8 guide 9.3.2.2.4 does not name it", r8=True, r6=True)
    escape_s2_ppp: bool = fact(
        "S2 chooses it in PPP too.", M, "a sibling's manual: no effect there", r8=False, r6=False)
    escape_s12: bool = fact(
        "The silence before the escape sequence is that of S12, in units of 20 ms; else it is 2 s.",
        G, "both guides: 2 s; a sibling's manual has S12 at 50", r8=False, r6=False)
    ppp_auth_required: bool = fact(
        "A host that will not authenticate is hung up where +UAUTHREQ has user and password for the context; "
        "else these count without it.", X, "", r8=False, r6=False)
    ppp_start_s: float = fact(
        "CONNECT to the module's first Configure-Request while the host is silent, true seconds.",
        X, "what comes before the host's program listens is lost", r8=0.25, r6=0.25)
    ppp_restart_s: float = fact("Restart timer of the negotiation, true seconds.", S, "RFC 1661 4.6: 3 s",
                                r8=3.0, r6=3.0)
    ppp_linger_s: float = fact("Terminate-Ack to NO CARRIER.", S, "RFC 1661 5.5: at least one Restart time",
                               r8=3.0, r6=3.0)
    ppp_hang_up_deactivates: bool = fact(
        "ATH deactivates the context though +CGACT had activated it, where the network lets it.",
        G, "LARA-R6 guide 4.2; LENA-R8 unknown", r8=False, r6=True)
    ppp_dtr_result: str = fact(
        "Result code when DTR goes off and &D2 hangs up.", D, "V.250 6.3.6 speaks of the call's end only",
        r8="NO CARRIER", r6="NO CARRIER")
    cgcontrdp_mtu: bool = fact(
        "+CGCONTRDP ends with the fields of 27.007 up to the MTU.", G, "LARA-R6 guide 4; LENA-R8 unknown",
        r8=False, r6=True)
    network_mtu: int = fact(
        "Largest IP packet that the network takes; PPP tells it to the host as the module's MRU.",
        X, "LARA-R6 guide 4: from the network; 1430 is usual in networks of its market", r8=1500, r6=1430)
