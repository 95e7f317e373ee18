"""The catalogue as a session needs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from cellbench.catalogue.commands import ALL
from cellbench.catalogue.model import Command, Form
from cellbench.catalogue.modules.model import ModuleProfile
from cellbench.catalogue.results import CME, CMS, FINALS
from cellbench.catalogue.urcs import URCS
from cellbench.wire.at.grammar import Grammar

Slower = Mapping[tuple[str, Form], float]
"""Response times that a firmware was seen to need, in seconds, by command and form (catalogue.overlay)."""

NOT_SLOWER: Slower = MappingProxyType({})


def grammar_for(profile: ModuleProfile, slower: Slower = NOT_SLOWER) -> Grammar:
    """The language of a profile's series, with longer response times where a firmware needs them."""
    return Grammar(profile.series, _patient(slower), URCS, FINALS, CME, CMS)


def _patient(slower: Slower) -> Mapping[str, Command]:
    if not slower:
        return ALL
    commands = dict(ALL)
    for (name, form), seconds in slower.items():
        known = commands[name]
        if seconds > known.response_time_s(form):
            commands[name] = replace(known, response_s={**known.response_s, form: seconds})
    return MappingProxyType(commands)
