"""The container engine: its client, BuildKit builds and registries."""
