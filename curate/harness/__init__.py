"""What publishing, evaluation and agents share: the evaluation script and test ids."""
