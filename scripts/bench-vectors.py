#!/usr/bin/env python3
"""Prints how fast and how well other indexes find the nearest vectors: bench-vectors.py INDEXES SIZES NOISE PASSAGES QUERIES…

INDEXES as usearch,faiss,qdrant; SIZES as 1000,10000; NOISE as 0.02. The same vectors of the same files as `crates/search/examples/vectors.rs`, one
thread per query, no network. Needs numpy, and usearch, faiss-cpu or qdrant-edge-py. Recall is of the exact search over 32-bit floats: the same ten, and as
ann-benchmarks counts it, those as near as the tenth. Times are the least 50th and 99th percentile of several rounds, of a call from Python, which adds
some µs. Building uses all cores (ours one).
"""

import ctypes
import gc
import resource
import sys
import tempfile
import time

import numpy as np

DIMENSION, LIMIT = 384, 10
LINKS, BREADTH = 16, 128
BREADTHS = (100, 400, 1600)
# How many times ten are compared once more after RaBitQ.
FACTORS = (100, 400)
ROUNDS = 5
# What ann-benchmarks lets a distance exceed that of the true tenth and still count.
EPSILON = 1e-3


def noise(first, count):
    """The sum of the four 16-bit numbers of SplitMix's hash of each number from `first` on: nearly normal with variance 1."""
    hash = (np.arange(first, first + count, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    hash = (hash ^ (hash >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hash = (hash ^ (hash >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    hash ^= hash >> np.uint64(31)
    total = sum((hash >> np.uint64(16 * part)) & np.uint64(0xFFFF) for part in range(4))
    return (total.astype(np.float64) - 2 * 65535) / (65536 / np.sqrt(3.0))


def read(path):
    return np.fromfile(path, dtype="<f4").reshape(-1, DIMENSION)


def normal(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def repeated(originals, size, scale):
    out = np.empty((size, DIMENSION), dtype=np.float32)
    for first in range(0, size, len(originals)):
        count = min(len(originals), size - first)
        out[first : first + count] = originals[:count]
        if first > 0:
            out[first : first + count] += scale * noise(first * DIMENSION, count * DIMENSION).reshape(count, DIMENSION)
    return normal(out)


def exact(vectors, queries):
    best = np.full((len(queries), LIMIT), -2.0, dtype=np.float32)
    at = np.zeros((len(queries), LIMIT), dtype=np.int64)
    for first in range(0, len(vectors), 50_000):
        cosines = np.hstack([best, queries @ vectors[first : first + 50_000].T])
        rows = np.hstack([at, np.tile(np.arange(first, min(first + 50_000, len(vectors))), (len(queries), 1))])
        order = np.argsort(-cosines, axis=1)[:, :LIMIT]
        best, at = np.take_along_axis(cosines, order, 1), np.take_along_axis(rows, order, 1)
    return at


def memory():
    """Bytes resident. What was freed before is given back, or it would be taken into use again and not show."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def row(name, vectors, breadth, ask, queries, truth, built, used):
    found = [list(map(int, ask(query))) for query in queries]
    same = sum(len(set(f) & set(map(int, t))) for f, t in zip(found, truth)) / truth.size
    least = [vectors[t[-1]] @ query - EPSILON for t, query in zip(truth, queries)]
    near = sum((vectors[f] @ query >= l).sum() for f, query, l in zip(found, queries, least)) / truth.size
    rounds = []
    for _ in range(ROUNDS):
        times = []
        for query in queries:
            start = time.perf_counter()
            ask(query)
            times.append((time.perf_counter() - start) * 1e3)
        rounds.append(np.percentile(times, [50, 99]))
    p50, p99 = np.min(rounds, axis=0)
    size = len(vectors)
    print(f"| {size} | {name} | {breadth} | {p50:.3f} | {p99:.3f} | {same:.4f} | {near:.4f} | {built:.1f} s | {used / size:.0f} |", flush=True)


def usearch(vectors, queries, truth):
    from usearch.index import Index

    before, start = memory(), time.perf_counter()
    index = Index(ndim=DIMENSION, metric="cos", dtype="i8", connectivity=LINKS, expansion_add=BREADTH)
    index.add(np.arange(len(vectors)), vectors)
    built, used = time.perf_counter() - start, memory() - before
    for breadth in BREADTHS:
        index.expansion_search = breadth
        row("usearch i8", vectors, breadth, lambda query: index.search(query, LIMIT, threads=1).keys, queries, truth, built, used)


def faiss(vectors, queries, truth):
    import faiss

    for name, make in (
        ("faiss HNSW, SQ8", lambda: faiss.IndexHNSWSQ(DIMENSION, faiss.ScalarQuantizer.QT_8bit, LINKS, faiss.METRIC_INNER_PRODUCT)),
        ("faiss exact, SQ8", lambda: faiss.IndexScalarQuantizer(DIMENSION, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)),
    ):
        faiss.omp_set_num_threads(2)
        before, start = memory(), time.perf_counter()
        index = make()
        if hasattr(index, "hnsw"):
            index.hnsw.efConstruction = BREADTH
        index.train(vectors[:50_000])
        index.add(vectors)
        built, used = time.perf_counter() - start, memory() - before
        faiss.omp_set_num_threads(1)
        for breadth in BREADTHS if hasattr(index, "hnsw") else ("all",):
            if hasattr(index, "hnsw"):
                index.hnsw.efSearch = breadth
            row(name, vectors, breadth, lambda query: index.search(query[None], LIMIT)[1][0], queries, truth, built, used)
        del index
    before, start = memory(), time.perf_counter()
    codes = faiss.IndexRaBitQ(DIMENSION, faiss.METRIC_INNER_PRODUCT)
    codes.qb = 4
    rows = faiss.IndexScalarQuantizer(DIMENSION, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
    index = faiss.IndexRefine(codes, rows)
    index.train(vectors[:50_000])
    index.add(vectors)
    built, used = time.perf_counter() - start, memory() - before
    for factor in FACTORS:
        index.k_factor = factor
        row("faiss RaBitQ, SQ8", vectors, LIMIT * factor, lambda query: index.search(query[None], LIMIT)[1][0], queries, truth, built, used)


def qdrant(vectors, queries, truth):
    import qdrant_edge as edge

    with tempfile.TemporaryDirectory() as folder:
        before, start = memory(), time.perf_counter()
        config = edge.EdgeConfig(
            vectors=edge.EdgeVectorParams(size=DIMENSION, distance=edge.Distance.Cosine),
            hnsw_config=edge.HnswIndexConfig(m=LINKS, ef_construct=BREADTH, full_scan_threshold=10),
            quantization_config=edge.ScalarQuantizationConfig(type=edge.ScalarType.Int8, quantile=0.99, always_ram=True),
            optimizers=edge.EdgeOptimizersConfig(default_segment_number=1, indexing_threshold=100),
            max_search_threads=1,
        )
        shard = edge.EdgeShard.create(folder, config)
        for first in range(0, len(vectors), 1_000):
            points = [edge.Point(first + i, vector.tolist()) for i, vector in enumerate(vectors[first : first + 1_000])]
            shard.update(edge.UpdateOperation.upsert_points(points))
        shard.optimize()
        built, used = time.perf_counter() - start, memory() - before
        print(shard.info(), file=sys.stderr)
        for breadth in BREADTHS:
            params = edge.SearchParams(hnsw_ef=breadth)

            def ask(query):
                request = edge.SearchRequest(query=edge.Query.Nearest(query.tolist()), limit=LIMIT, params=params)
                return [point.id for point in shard.search(request)]

            row("qdrant-edge i8", vectors, breadth, ask, queries, truth, built, used)
        shard.close()


def main():
    indexes, sizes, scale, data, *files = sys.argv[1:]
    originals, queries = read(data), normal(np.vstack([read(file) for file in files]))
    print("| passages | index | breadth | p50 ms | p99 ms | the same ten | as near as the tenth | built | bytes a passage |")
    print("|---|---|---|---|---|---|---|---|---|")
    for size in map(int, sizes.split(",")):
        vectors = repeated(originals, size, float(scale))
        truth = exact(vectors, queries)
        for index in indexes.split(","):
            {"usearch": usearch, "faiss": faiss, "qdrant": qdrant}[index](vectors, queries, truth)


if __name__ == "__main__":
    main()
