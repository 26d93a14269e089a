"""A few rows out of many."""

import random


def sample(rows, count):
    """*count* rows picked at random, no row twice; all of them where there are not so many."""
    return random.sample(rows, min(count, len(rows)))
