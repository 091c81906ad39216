"""Vectors are sent in the database's binary format: conversion to text would cost more than the search."""

import struct

import psycopg
from psycopg.adapt import Buffer, Dumper
from psycopg.pq import Format

from app.retrieval.domain.vectors import Vector


class VectorDumper(Dumper):
    format = Format.BINARY
    oid = 0

    def dump(self, obj: Vector) -> Buffer:
        return struct.pack(">HH", obj.dimensions, 0) + obj.halves


def register() -> None:
    psycopg.adapters.register_dumper(Vector, VectorDumper)
