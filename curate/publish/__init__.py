"""From verified instances to a release: rows, filters, dataset card, images."""
