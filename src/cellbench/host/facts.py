"""The catalogue as a session needs it."""

from __future__ import annotations

from cellbench.catalogue.commands import ALL
from cellbench.catalogue.modules.model import ModuleProfile
from cellbench.catalogue.results import CME, CMS, FINALS
from cellbench.catalogue.urcs import URCS
from cellbench.wire.at.grammar import Grammar


def grammar_for(profile: ModuleProfile) -> Grammar:
    """The language of a profile's series."""
    return Grammar(profile.series, ALL, URCS, FINALS, CME, CMS)
