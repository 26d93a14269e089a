"""Images of instances: planned as layers, then built where they are missing."""
