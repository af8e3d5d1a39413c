"""What the workflow database holds beside the workflows: how values are written, who works with it and on what."""
