"""How the values everyone exchanges become bytes and back: msgpack with a closed registry of types.

Nothing here knows what a value means; the column form of whole batches is the runtime's.
"""

from cim.codec import model_types as model_types  # the values of cim.model get their tags
