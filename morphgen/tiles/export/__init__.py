"""A volume in the formats of other programs, written in bounded memory."""

from morphgen.tiles.export.write import ENDINGS, Exported, export

__all__ = ["ENDINGS", "Exported", "export"]
