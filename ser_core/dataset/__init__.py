"""What a configuration reads of a corpus: its channels, targets, stored views and batches."""
