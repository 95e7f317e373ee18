"""One pytest session on a rig: the run, scheduling by slot, attempts, verdicts, progress, interruption.

Nothing here is imported before a rig is asked for; see cellbench.pytest_plugin.
"""
