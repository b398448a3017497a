"""How good an encoder or an index is: `evaluate.py` is where to begin."""
