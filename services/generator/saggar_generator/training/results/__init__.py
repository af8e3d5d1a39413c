"""What an adapter training leaves in the store: the finished adapter, those kept on the way, what their files say."""
