"""What every part of the report is made of: loaded runs, labels, numbers, tables and parts."""
