"""Files that are no log as they stand: what they are by their first bytes, and how to make them one."""

from __future__ import annotations

_TAR_AT = 257

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (
        b"SQLite format 3\0",
        "a SQLite database; start the tool that keeps it and give its address, or export from it",
    ),
    (b"PAR1", "a Parquet file; name it .parquet"),
    (b"ARROW1", "an Arrow file; name it .arrow"),
    (b"FEA1", "a Feather file of version 1; write it again with pandas' to_parquet"),
    (b"Obj\x01", "an Avro file; convert it to JSON lines with  avro-tools tojson"),
    (b"ORC", "an ORC file; write it again with pandas' to_parquet"),
    (b"\x89HDF\r\n", "an HDF5 file; write it again with pandas' to_parquet"),
    (b"%PDF", "a PDF"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook of the old form; save it as CSV"),
)
_IN_ZIP: tuple[tuple[bytes, str], ...] = (
    (b"[Content_Types].xml", "an Excel workbook; save the sheet as CSV"),
    (b"xl/", "an Excel workbook; save the sheet as CSV"),
    (b"_journal/", "a log of inspect_ai; convert it with  inspect log dump LOG > log.json"),
    (b"header.json", "a log of inspect_ai; convert it with  inspect log dump LOG > log.json"),
)
_PICKLES = tuple(b"\x80" + bytes([protocol]) for protocol in range(2, 6))


def kind_of_binary(start: bytes) -> str | None:
    """What a file of these first bytes is and what to do with it, None where it may be text."""
    for magic, what in _MAGIC:
        if start.startswith(magic):
            return what
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        inside = (what for name, what in _IN_ZIP if start[30:].startswith(name))
        return next(inside, "a zip archive; unpack it and give the folder")
    if start[_TAR_AT : _TAR_AT + 5] == b"ustar":
        return "a tar archive; unpack it and give the folder"
    if start.startswith(_PICKLES):
        return (
            "a Python pickle, which can run code when it is opened; write it again with to_parquet or to_json"
        )
    if start[:1] == b"\n" and b"\0" in start:
        return "a binary file, perhaps OTLP in protobuf (the collector's file exporter writes JSON with  format: json)"
    return "a binary file" if b"\0" in start else None


def kind_of_markup(start: bytes, name: str) -> str | None:
    """What a text is that is no JSON and no table, None where it may be some."""
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n")[:200].lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "an HTML page; export JSON, JSON lines or CSV (a server's page is no export: give the server's address)"
    if text.startswith((b"<?xml", b"<testsuite", b"<svg")):
        return "XML; export JSON, JSON lines or CSV"
    if name.lower().endswith((".yaml", ".yml")) and not text.startswith((b"{", b"[")):
        return "YAML; export JSON (promptfoo eval -o results.json), or convert it with  yq -o json"
    return None
