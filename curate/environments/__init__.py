"""The environment of a candidate: plan, lock, build, explanation."""
