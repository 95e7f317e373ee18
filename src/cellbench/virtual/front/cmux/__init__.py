"""The module's end of the multiplexer: 3GPP TS 27.010, basic option, as responder."""
