"""Who may call: API keys with scopes and limits, and a log of who did."""
