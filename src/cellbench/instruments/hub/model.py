"""What a hub with switched port power is to the rest of the house: a board of contacts, one for each port.

A closed contact is a port with power. Ports count from 1, as the kernel and the hub's case count them.
"""

from __future__ import annotations

from cellbench.instruments.line.model import Contacts

Hub = Contacts
