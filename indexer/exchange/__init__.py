"""Export vectors from an index and import them into one, as Parquet or NumPy files."""
