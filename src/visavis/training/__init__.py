"""The training loop and what it runs on: phases, processes, devices, memory.  Knows nothing of models."""
