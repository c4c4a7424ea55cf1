"""A folder of recordings and their texts becomes a recipe directory."""
