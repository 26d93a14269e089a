"""Measurements on real input, run by hand: `python -m tests.benchmarks.NAME --help`."""
