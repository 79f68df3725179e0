"""The same plan on many machines: who asks keeps and judges, hosts of a Dask cluster measure."""
