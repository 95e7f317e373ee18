"""Settings of property tests: an example may take its time on a machine that does other things too."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("cellbench", deadline=None)
settings.load_profile("cellbench")
