"""The pytest side of a run: options, scheduling by slot, verdicts, progress, interruption.

Nothing here is imported before a rig is asked for; see cellbench.pytest_plugin.
"""
