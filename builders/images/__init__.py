"""Images of instances: planned as layers, of which the missing ones are built."""
