package parsimony.attention;

import java.util.ArrayList;
import java.util.List;
import parsimony.core.model.AttentionKernel.Head;
import parsimony.core.model.AttentionKernel.Scoring;
import parsimony.core.model.KeyValueTile;
import parsimony.core.model.Visibility;
import parsimony.core.model.Visibility.Coverage;
import parsimony.core.tensor.Matrix;

/**
 * Neighbouring keys of one tile, of which the queries at hand see at least some.
 *
 * @param tileIndex the tile's place in its head
 * @param first the first key's place in the tile
 * @param row where the range stands among the keys that are computed at once
 * @param masked whether some query does not see some key
 */
record KeyRange(KeyValueTile tile, int tileIndex, int first, int size, int row, boolean masked) {
    /** Keys whose visibility is asked for at once. */
    private static final int GRAIN = 32;
    /** Keys and queries whose visibility is asked for at once where not all is seen. */
    private static final int MASK_GRAIN = 16;

    Matrix keys() {
        return tile.keys().rows(first, size);
    }

    Matrix values() {
        return tile.values().rows(first, size);
    }

    /** What some queries see, in blocks of at most {@code capacity} keys; small tiles share a block. */
    static List<List<KeyRange>> blocks(Head head, int firstQuery, int queries, int capacity) {
        List<List<KeyRange>> blocks = new ArrayList<>();
        List<KeyRange> block = new ArrayList<>();
        int used = 0;
        for (int index = 0; index < head.tiles().size(); index++) {
            int tileSize = head.tiles().get(index).size();
            int from = 0;
            while (from < tileSize) {
                if (used == capacity) {
                    blocks.add(block);
                    block = new ArrayList<>();
                    used = 0;
                }
                KeyRange range = next(head, firstQuery, queries, index, from, tileSize, used, capacity - used);
                if (range == null) {
                    break;
                }
                block.add(range);
                used += range.size;
                from = range.first + range.size;
            }
        }
        if (!block.isEmpty()) {
            blocks.add(block);
        }
        return blocks;
    }

    /** What some queries see of the keys {@code from … to − 1} of a tile, without the gaps. */
    static List<KeyRange> within(Head head, int firstQuery, int queries, int tileIndex, int from, int to) {
        List<KeyRange> ranges = new ArrayList<>();
        int used = 0;
        KeyRange range = next(head, firstQuery, queries, tileIndex, from, to, used, to - from);
        while (range != null) {
            ranges.add(range);
            used += range.size;
            range = next(head, firstQuery, queries, tileIndex, range.first + range.size, to, used, to - from);
        }
        return ranges;
    }

    /** The first run of at most {@code capacity} keys from {@code from} on, or null if nothing more is seen. */
    private static KeyRange next(
            Head head, int firstQuery, int queries, int tileIndex, int from, int to, int row, int capacity) {
        KeyValueTile tile = head.tiles().get(tileIndex);
        int first = from;
        int end = from;
        boolean masked = false;
        while (end < to && end - first < capacity) {
            int size = Math.min(Math.min(GRAIN - end % GRAIN, to - end), first + capacity - end);
            Coverage coverage = head.visibility().coverage(firstQuery, queries, tile, end, size);
            if (coverage != Coverage.NONE) {
                masked |= coverage == Coverage.SOME;
                end += size;
            } else if (end > first) {
                break;
            } else {
                first += size;
                end = first;
            }
        }
        return end == first ? null : new KeyRange(tile, tileIndex, first, end - first, row, masked);
    }

    /**
     * Turns products that are scaled already into scores: cap, bias, mask. The one of a query and the range's key {@code k} stands at {@code start +
     * query · queryStride + k · keyStride}.
     */
    void score(Head head, int firstQuery, int queries, float[] data, int start, int queryStride, int keyStride) {
        Scoring scoring = head.scoring();
        if (scoring.softCap() != 0) {
            float cap = scoring.softCap();
            for (int key = 0; key < size; key++) {
                for (int query = 0; query < queries; query++) {
                    int at = start + query * queryStride + key * keyStride;
                    data[at] = cap * (float) Math.tanh(data[at] / cap);
                }
            }
        }
        if (scoring.slope() != 0) {
            for (int key = 0; key < size; key++) {
                int position = tile.position(first + key);
                for (int query = 0; query < queries; query++) {
                    data[start + query * queryStride + key * keyStride] +=
                            scoring.slope() * (position - head.position(firstQuery + query));
                }
            }
        }
        if (masked) {
            mask(head.visibility(), firstQuery, queries, data, start, queryStride, keyStride);
        }
    }

    private void mask(
            Visibility visibility,
            int firstQuery,
            int queries,
            float[] data,
            int start,
            int queryStride,
            int keyStride) {
        for (int key = 0; key < size; key += MASK_GRAIN) {
            int keys = Math.min(MASK_GRAIN, size - key);
            for (int query = 0; query < queries; query += MASK_GRAIN) {
                int rows = Math.min(MASK_GRAIN, queries - query);
                int at = start + query * queryStride + key * keyStride;
                switch (visibility.coverage(firstQuery + query, rows, tile, first + key, keys)) {
                    case ALL -> {}
                    case NONE -> hide(rows, keys, data, at, queryStride, keyStride);
                    case SOME ->
                        hideUnseen(
                                visibility,
                                firstQuery + query,
                                rows,
                                first + key,
                                keys,
                                data,
                                at,
                                queryStride,
                                keyStride);
                }
            }
        }
    }

    private static void hide(int queries, int keys, float[] data, int start, int queryStride, int keyStride) {
        for (int key = 0; key < keys; key++) {
            for (int query = 0; query < queries; query++) {
                data[start + query * queryStride + key * keyStride] = Float.NEGATIVE_INFINITY;
            }
        }
    }

    private void hideUnseen(
            Visibility visibility,
            int firstQuery,
            int queries,
            int firstKey,
            int keys,
            float[] data,
            int start,
            int queryStride,
            int keyStride) {
        for (int key = 0; key < keys; key++) {
            for (int query = 0; query < queries; query++) {
                if (!visibility.visible(firstQuery + query, tile, firstKey + key)) {
                    data[start + query * queryStride + key * keyStride] = Float.NEGATIVE_INFINITY;
                }
            }
        }
    }
}
