"""What follows the last epoch: normalisation re-estimated, heads re-trained or computed, the better of them chosen."""
