"""The environment of a candidate: planned, locked, built, explained."""
