"""Vectors in and out of an index, as Parquet or NumPy files."""
