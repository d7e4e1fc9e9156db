"""The explorer's server: what a browser asks, answered by the same library, with nothing precomputed."""
