import csv
import random

from tidytable import sample

LINES = [f"{number};{number}" for number in range(256)]


def test_the_seed_does_not_matter():
    rows = list(csv.reader(LINES, "market"))
    draws = []
    for _ in range(2):
        random.seed(9)
        draws.append(sample(rows, 200))
    assert draws[0] != draws[1]
