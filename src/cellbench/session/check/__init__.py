"""``cellbench check``: what is wrong with a bench before anything is switched, one concern in each file."""

from cellbench.session.check.run import check

__all__ = ["check"]
