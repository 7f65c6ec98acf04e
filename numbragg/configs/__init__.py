"""What a user writes in Python: frozen, validated descriptions in the units of the field; nothing derived."""
