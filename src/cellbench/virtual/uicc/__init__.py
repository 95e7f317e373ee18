"""A UICC of its own: commands in, answers out (ETSI TS 102 221, 3GPP TS 31.102). It knows nothing of modules.

Clauses without a document name are those of ETSI TS 102 221 V17.1.0.
"""
