"""Reads Thrift's compact protocol, as far as Parquet's headers need it, with a budget.

Nothing is interpreted: a struct is a dictionary from field number to value, a list a list. Each
value costs one unit of the budget and at least one byte of input, so that no header can ask
for more memory or time than its own size.

Format: Apache Thrift, doc/specs/thrift-compact-protocol.md.
"""

from __future__ import annotations

from typing import Any

#: Structs and lists within each other; Parquet's own headers nest 7 deep.
_DEPTH = 16
_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY = range(1, 9)
_LIST, _SET, _MAP, _STRUCT = range(9, 13)
_INTEGERS = (_I16, _I32, _I64)


class Malformed(ValueError):
    """Raised where the bytes are no Thrift struct within the budget."""


class Reader:
    """Reads one struct at a time from ``buffer``, from byte ``at`` on."""

    def __init__(self, buffer: bytes | memoryview, *, at: int = 0, budget: int) -> None:
        self.at = at
        self._buffer = buffer
        self._budget = budget

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Read field number -> int, bytes, bool, list or dict; :class:`Malformed` otherwise."""
        if depth > _DEPTH:
            raise Malformed("headers nest too deep")
        fields: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            kind, step = head & 0x0F, head >> 4
            number = number + step if step else self._zigzag()
            if number in fields:
                raise Malformed(f"field {number} stands twice")
            if kind in (_TRUE, _FALSE):
                fields[number] = kind == _TRUE
            else:
                fields[number] = self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        self._budget -= 1
        if self._budget < 0:
            raise Malformed("headers hold too many values")
        if kind in _INTEGERS:
            return self._zigzag()
        if kind == _BINARY:
            return self._take(self._varint())
        if kind in (_LIST, _SET):
            return self._list(depth)
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind in (_TRUE, _FALSE, _BYTE):  # booleans have a byte of their own within lists
            return self._byte()
        if kind == _DOUBLE:
            return self._take(8)
        if kind == _MAP and self._varint() == 0:
            return {}
        raise Malformed(f"a value has the type {kind}")

    def _list(self, depth: int) -> list[Any]:
        if depth > _DEPTH:
            raise Malformed("headers nest too deep")
        head = self._byte()
        kind, length = head & 0x0F, head >> 4
        if length == 15:
            length = self._varint()
        if length > len(self._buffer) - self.at:
            raise Malformed(f"a list of {length} values in fewer bytes")
        return [self._value(kind, depth + 1) for _ in range(length)]

    def _take(self, length: int) -> bytes:
        if length > len(self._buffer) - self.at:
            raise Malformed(f"{length} bytes announced where fewer follow")
        taken = bytes(self._buffer[self.at : self.at + length])
        self.at += length
        return taken

    def _byte(self) -> int:
        if self.at >= len(self._buffer):
            raise Malformed("the header is cut off")
        byte = self._buffer[self.at]
        self.at += 1
        return byte

    def _varint(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise Malformed("a number has more than 10 bytes")

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
