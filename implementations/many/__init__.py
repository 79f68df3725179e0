"""Programs that train several models at once: a sweep over learning rates."""
