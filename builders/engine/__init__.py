"""The container engine: its client, builds with BuildKit, registries."""
