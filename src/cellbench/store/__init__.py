"""Results of many runs in one database; an index that can be built anew from the journals.

SQLAlchemy costs 0.2 s to import: import :mod:`cellbench.store.store` inside functions.
"""
