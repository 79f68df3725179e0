"""``bench ab``: measure two versions in pairs of fresh processes."""
