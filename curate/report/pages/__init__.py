"""The pages of numbers, one module each: what is counted, and how it is shown."""
