"""The reference world: what the far side, the network, the SIM and the board offer by default."""
