"""The page and its API: turns HTTP and WebSocket into one service call each. Never stores, SQL or providers."""
