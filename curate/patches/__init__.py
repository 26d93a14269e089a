"""Patches: parsed, measured, taken apart."""
