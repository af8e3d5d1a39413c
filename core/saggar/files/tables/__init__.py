"""CSV files: read as people and their spreadsheets save them, or told from what they are not."""
