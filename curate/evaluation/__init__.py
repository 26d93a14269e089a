"""Grading the patches of a model, and reports in SWE-bench's form."""
