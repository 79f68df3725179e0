"""Judge two versions of programs or commands by pairs of measurements."""
