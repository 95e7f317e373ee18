"""Campaigns: plans of many cells on the units of a rig, gone through unattended and resumed after a stop."""
