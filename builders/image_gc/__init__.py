"""Garbage collection of images: what there is, when it was used last, what may go."""
