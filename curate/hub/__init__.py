"""What speaks to the Hugging Face Hub, and the card that data sets carry there."""
