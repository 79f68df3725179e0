"""Find, verify and prepare the data sets."""
