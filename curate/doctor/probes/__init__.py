"""Looking: each module finds facts, changes nothing, and has them judged."""
