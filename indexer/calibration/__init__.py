"""Calibrate a threshold and probabilities from same and different pairs. Start reading at `calibrate.py`."""
