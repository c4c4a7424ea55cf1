"""The one exception that ends a recipe with a message instead of a traceback."""


class RecipeError(Exception):
    """Something in the recipe, its options or its data has to be changed.

    The message names the file or utterance, what was found and what was expected.
    """
