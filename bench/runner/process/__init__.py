"""One worker as its parent sees it: surroundings, limits, pipes and outcome."""
