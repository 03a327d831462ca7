"""What a run shows of itself: logs, sample grids, curves, a progress bar."""
