"""Pairs of images: inputs a and targets b, from files or with inputs that a filter makes."""
