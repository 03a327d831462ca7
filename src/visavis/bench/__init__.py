"""Timings of the project against what it replaces, and of its recipes against each other."""
