"""Find out whether the candidate is slower than the baseline."""
