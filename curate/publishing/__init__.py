"""From validated candidates to a release folder: the only place that knows published columns."""
