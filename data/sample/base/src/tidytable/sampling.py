"""A few rows out of many."""

import random


def sample(rows, count):
    """*count* rows picked at random, no row twice."""
    return random.sample(rows, count)
