"""From verified instances to a release: rows, filters, card, images."""
