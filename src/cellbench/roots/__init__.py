"""What only the composition roots may do: start the rack that a rig file launches, choose its far side.

Below this nothing can tell a virtual rack from a physical one.
"""
