"""The classic siamese experiments: each a command that trains, measures, and writes its page in docs/results/."""
