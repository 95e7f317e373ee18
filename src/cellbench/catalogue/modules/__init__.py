"""Module series and variants as data; the only place where they differ."""
