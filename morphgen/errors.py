"""What can go wrong, by who can mend it."""


class MorphgenError(Exception):
    """Any failure that morphgen foresees.

    The message is one or two lines: the value, what was expected, the remedy.
    """


class InputError(MorphgenError):
    """The request or its input was wrong; nothing was begun."""


class ImageError(InputError):
    """An image cannot be read, or cannot be used as a segmented section."""


class ModelError(InputError):
    """A model file or a model parameter is invalid."""


class StoreError(InputError):
    """A volume store cannot be created, opened or continued."""


class BackendError(InputError):
    """An array backend is missing or cannot do what is asked of it."""


class CalibrationError(MorphgenError):
    """The data did not determine a model."""


class GenerationError(MorphgenError):
    """Some blocks could not be computed or written."""


class ExportError(MorphgenError):
    """A file could not be written to its end."""


class WorkerError(GenerationError):
    """A worker was killed; what it was working on may be to blame."""
