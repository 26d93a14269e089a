"""The stages: each asks the store what is to do, does it, and records it."""
