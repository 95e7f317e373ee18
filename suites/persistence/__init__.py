"""User settings persistence: LENA-R8 guide 6."""
