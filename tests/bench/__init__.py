"""Benchmarks: `python -m tests.bench` sets dbuild beside other tools; the other modules measure one thing each."""
