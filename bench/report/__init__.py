"""Reports of one or several runs and of comparisons, the index of results/, and exports."""
