"""Compare two versions of any project by what its own commands take, in pairs of processes."""
