"""Whether this machine, its accounts and its settings do for the main job, and what to mend."""
