"""Patches: parsing, statistics, hunk ablation."""
