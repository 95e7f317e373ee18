"""What a run leaves behind: measurements against limits, verdicts with owners, attempts, the journal."""
