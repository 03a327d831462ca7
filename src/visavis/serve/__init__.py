"""Models over HTTP: the page of a run for this machine, and a service for others."""
