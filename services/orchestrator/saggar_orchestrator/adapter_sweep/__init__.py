"""How long an adapter is trained, and how strongly it takes part: cells of a grid, by held-out training photographs."""
