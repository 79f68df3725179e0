"""Charts as Vega-Lite, drawn with Altair; they need the extra ``report``."""
