"""Facts with their sources: commands, result codes, URCs, series, guide sections. No behaviour."""
