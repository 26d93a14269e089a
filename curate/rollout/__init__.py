"""Agents of models on instances: trajectories sampled and graded."""
