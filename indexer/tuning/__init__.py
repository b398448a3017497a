"""Choose an index structure and its effort, by recall and speed that are measured."""
