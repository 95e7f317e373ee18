"""``cellbench rig discover``: a first rig file from what the host can see and a person answers."""

from cellbench.session.discover.run import discover, watch_plugs

__all__ = ["discover", "watch_plugs"]
