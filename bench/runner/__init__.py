"""The parent: plan, launch workers, judge, record."""
