"""What `endurance.py` counts, one file for each family of rows."""
