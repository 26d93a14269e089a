"""Certification: are published instances still what they were? Pulled, and graded again."""
