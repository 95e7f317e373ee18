"""The DTE's end of the multiplexer of 3GPP TS 27.010, basic option: frames, control messages, the machine."""
