"""TLS and DTLS without I/O: the one adapter to OpenSSL.

``engine`` runs a connection, ``settings`` says what is offered and what is checked, ``sessions`` takes
sessions apart for resumption, ``binding`` names every symbol of OpenSSL that pyOpenSSL does not offer
publicly. Nothing else in the house imports OpenSSL.
"""
