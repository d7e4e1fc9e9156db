"""The version of convscope; it is part of every request, so a stored artifact never outlives the code that made it."""

VERSION = "0.1.0"
