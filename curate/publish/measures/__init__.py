"""Measures of an instance: leaks, overlaps, sizes, license, SWE-bench Lite criteria."""
