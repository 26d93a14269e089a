"""Trajectories of agents: what was said and done on an instance, the patch, and the reward."""
