"""Write runs in the formats of other benchmark tools."""
