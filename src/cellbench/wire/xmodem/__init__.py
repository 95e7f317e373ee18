"""The DTE's ends of Xmodem (Ward Christensen, 1982; CRC by John Byrns, 1985; 1k blocks by Chuck Forsberg):
blocks, a sender, a receiver.

Clauses in comments are those of Forsberg's "XMODEM/YMODEM Protocol Reference" of 14 October 1988, which
holds all three documents.
"""
