"""The terminal's end of a conversation with a UICC: commands, answers, file control parameters, codings."""
