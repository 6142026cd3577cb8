"""The network of the released Fast 3D SAM checkpoint, arranged so that a click costs little more than its arithmetic.

It is not the network of `Logic/model`: prompts enter before the first transformer block, so a click runs all twelve.
Its numbers are fixed by the released file, hence constants here and no configuration.
"""
