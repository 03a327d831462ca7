"""A run on disk: start or resume it, train, log, judge, keep it safe, finish."""
