"""The outcome and the next step of one call: a model proposes, rules dispose, and every field cites its turns."""
