"""What a row says about its task beyond the verdict."""
