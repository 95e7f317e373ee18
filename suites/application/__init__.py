"""Stages and modes of an application: LENA-R8 guide chapter 3."""
