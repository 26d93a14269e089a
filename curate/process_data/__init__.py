"""Process data of instances: what to read, where to change it and how, made without a model."""
