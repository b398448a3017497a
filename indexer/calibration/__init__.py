"""From pairs known to be same or different to a threshold and probabilities: `calibrate.py` is where to begin."""
