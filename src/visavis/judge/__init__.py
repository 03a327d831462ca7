"""The judge: images against a reference, every figure with its interval and what it was made with."""
