"""The machine: files, home, console, progress, processes, torch, provenance, memory."""
