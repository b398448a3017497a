"""Move indexes between folders and Milvus, and change those in Milvus."""
