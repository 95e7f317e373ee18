"""What every room may lean on: time, errors by owner, units, trace records, and the protocols rooms meet by.

Standard library only.
"""
