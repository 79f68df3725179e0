"""The same plan on many machines: hosts of a Dask cluster measure rounds, the caller keeps them."""
