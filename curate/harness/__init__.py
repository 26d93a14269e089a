"""The evaluation script, shared by publishing and evaluation."""
