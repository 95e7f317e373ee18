"""Which handler answers which form of which command: the HANDLERS of every subject, joined by name.

A new subject file is added to ``_SUBJECTS``; two subjects answering the same form are an error.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import MappingProxyType

from cellbench.catalogue.model import Form
from cellbench.virtual.front.context import Handler


@functools.cache
def handlers() -> Mapping[tuple[str, Form], Handler]:
    """All handlers by command name and form."""
    from cellbench.virtual.device import (
        bands,
        contexts_at,
        dns,
        gpio,
        identity,
        misc,
        ping,
        power_at,
        radio_at,
        serial_at,
        sim_at,
        sms,
        sockets,
    )

    subjects = (bands, contexts_at, dns, gpio, identity, misc, ping, power_at, radio_at, serial_at, sim_at,
                sms, sockets)
    joined: dict[tuple[str, Form], Handler] = {}
    for subject in subjects:
        for key, handler in subject.HANDLERS.items():
            if key in joined:
                raise ValueError(f"two handlers for {key[0]} {key[1].value}: {subject.__name__}")
            joined[key] = handler
    return MappingProxyType(joined)


def handler_for(name: str, form: Form) -> Handler | None:
    """The handler of one form, None when the virtual module does not have it."""
    return handlers().get((name, form))
