import csv


def test_goods_and_prices():
    csv.register_dialect("market", delimiter=";")
    assert next(csv.reader(["apple;3"], "market")) == ["apple", "3"]


def test_quoted_goods():
    assert next(csv.reader(["'a;b';3"], "market", quotechar="'")) == ["a;b", "3"]
