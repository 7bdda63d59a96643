"""How dates and numbers are written where Django writes them (the administration, `intcomma`, `floatformat`), by language."""
