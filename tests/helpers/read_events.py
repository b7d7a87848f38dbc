"""Reads TensorBoard's event files by the descriptions of their formats alone, and prints what TensorBoard would draw.

TFRecord: length (uint64), masked CRC-32C of the length, data, masked CRC-32C of the data; all little-endian.
Event: wall_time = 1 (double), step = 2 (int64), file_version = 3 (string), summary = 5, session_log = 7 (status = 1; START is 1).
Summary: value = 1, with tag = 1 (string) and simple_value = 2 (float).
"""
import json
import os
import struct
import sys


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(data):
    at = 0
    while at < len(data):
        head = data[at : at + 8]
        length, check = struct.unpack("<QI", data[at : at + 12])
        assert masked(head) == check, "length"
        body = data[at + 12 : at + 12 + length]
        (check,) = struct.unpack("<I", data[at + 12 + length : at + 16 + length])
        assert len(body) == length and masked(body) == check, "data"
        yield body
        at += 16 + length


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def fields(data):
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = varint(data, at)
        elif wire == 1:
            (value,), at = struct.unpack("<d", data[at : at + 8]), at + 8
        elif wire == 5:
            (value,), at = struct.unpack("<f", data[at : at + 4]), at + 4
        else:
            assert wire == 2, wire
            length, at = varint(data, at)
            value, at = data[at : at + length], at + length
        yield number, value


series, versions = {}, []
folder = sys.argv[1]
for name in sorted(name for name in os.listdir(folder) if "tfevents" in name):
    with open(os.path.join(folder, name), "rb") as file:
        for place, record in enumerate(records(file.read())):
            event = dict(fields(record))
            assert event[1] > 1e9
            if place == 0:
                versions.append(event[3].decode())
            step = event.get(2, 0)
            if 7 in event and dict(fields(event[7])) == {1: 1}:
                for points in series.values():
                    points[:] = [point for point in points if point[0] < step]
            for number, value in fields(event.get(5, b"")):
                parts = dict(fields(value))
                assert number == 1 and set(parts) == {1, 2}
                series.setdefault(parts[1].decode(), []).append([step, parts[2] if parts[2] == parts[2] else None])
print(json.dumps({"versions": versions, "series": series}))
