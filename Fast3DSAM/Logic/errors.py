"""Every error that a user can cause, by name.

Each message quotes what came and says what to do, in one sentence; the edge (panel, browser, command line) catches
`Fast3DSAMError` once and shows that sentence.
"""


class Fast3DSAMError(Exception):
    """Root of all errors whose message is meant for the user."""


class InvalidVolumeError(Fast3DSAMError, ValueError):
    """The volume cannot be segmented: wrong dimensions, empty, constant, no finite voxel."""


class GeometryError(Fast3DSAMError, ValueError):
    """Spacing, matrix or transform does not describe an invertible linear voxel grid."""


class InvalidPromptError(Fast3DSAMError, ValueError):
    """A prompt lies outside the volume, is malformed, or names a prompt that does not exist."""


class NoVolumeError(Fast3DSAMError, RuntimeError):
    """A prompt came before a volume was set."""


class EmbeddingCancelled(Fast3DSAMError):
    """The user cancelled the embedding; the session keeps its previous volume."""


class NotEnoughMemoryError(Fast3DSAMError, MemoryError):
    """Embedding or decoding ran out of memory; the session stays usable."""


class CheckpointError(Fast3DSAMError, ValueError):
    """A checkpoint is damaged, foreign, or made for another configuration."""


class DeviceError(Fast3DSAMError, ValueError):
    """The requested device does not exist here."""


class MissingDependencyError(Fast3DSAMError, ImportError):
    """An optional package is not installed; the message names the command that installs it."""


class VolumeFileError(Fast3DSAMError, OSError):
    """A file or folder cannot be read as a volume, or a result cannot be written."""


class SceneError(Fast3DSAMError, RuntimeError):
    """A MRML node is missing, was deleted, or is of the wrong kind."""
