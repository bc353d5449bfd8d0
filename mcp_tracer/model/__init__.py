"""Ground floor: the words that every other package speaks. Standard library, pydantic and numpy only."""
