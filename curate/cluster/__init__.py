"""Work in parallel: on threads of this process, or on the workers of a cluster."""
