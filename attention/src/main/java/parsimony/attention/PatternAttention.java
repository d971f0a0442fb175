package parsimony.attention;

import java.util.List;
import parsimony.core.backend.Backend;
import parsimony.core.model.AttentionKernel;
import parsimony.core.model.KeyValueTile;
import parsimony.core.model.Visibility;
import parsimony.core.tensor.Matrix;

/** {@link FlashAttention} that looks at no more than a fixed pattern allows, and skips the tiles of which it allows nothing. */
final class PatternAttention implements AttentionKernel {
    /** Which positions see which others, within what the sequence itself lets them see. */
    interface Pattern {
        /** Whether the query at a position sees the key at another, neither of them negative. */
        boolean sees(int query, int key);

        /** How much the queries of a range of positions see of a range of keys; the ends belong to the ranges. SOME is always right. */
        Visibility.Coverage coverage(int firstQuery, int lastQuery, int firstKey, int lastKey);
    }

    /** Keys of a tile. */
    private static final int KEYS = 256;

    private final String name;
    private final Pattern pattern;
    private final FlashAttention flash;

    /** @param queries of a tile: few, so that it has what it skips in common, and not too few to pay for a tile */
    PatternAttention(String name, Pattern pattern, int queries) {
        this.name = name;
        this.pattern = pattern;
        flash = new FlashAttention(queries, KEYS, FlashDecoding.SPLIT);
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public void forward(Backend backend, Head head, Matrix output, float[] logSumExp, int offset) {
        flash.forward(backend, restricted(head), output, logSumExp, offset);
    }

    @Override
    public void backward(
            Backend backend,
            Head head,
            Matrix output,
            float[] logSumExp,
            int offset,
            Matrix dOutput,
            Matrix dQueries,
            List<KeyValueTile> dTiles) {
        flash.backward(backend, restricted(head), output, logSumExp, offset, dOutput, dQueries, dTiles);
    }

    private Head restricted(Head head) {
        Visibility visibility = new Restricted(head.visibility(), pattern, head.positions(), head.firstPosition());
        return new Head(
                head.queries(), head.positions(), head.firstPosition(), head.tiles(), visibility, head.scoring());
    }

    /** What both a sequence and a pattern allow. Keys at negative positions were learned and belong to no place in the text: no pattern hides them. */
    private record Restricted(Visibility sequence, Pattern pattern, int[] positions, int first) implements Visibility {
        @Override
        public boolean visible(int query, KeyValueTile tile, int key) {
            int position = tile.position(key);
            return sequence.visible(query, tile, key)
                    && (position < 0 || pattern.sees(positions[first + query], position));
        }

        @Override
        public Coverage coverage(int firstQuery, int queries, KeyValueTile tile, int firstKey, int keys) {
            Coverage ofSequence = sequence.coverage(firstQuery, queries, tile, firstKey, keys);
            int earliestKey = Integer.MAX_VALUE;
            int latestKey = Integer.MIN_VALUE;
            for (int i = firstKey; i < firstKey + keys; i++) {
                earliestKey = Math.min(earliestKey, tile.position(i));
                latestKey = Math.max(latestKey, tile.position(i));
            }
            if (ofSequence == Coverage.NONE || latestKey < 0) {
                return ofSequence;
            }
            int earliest = Integer.MAX_VALUE;
            int latest = Integer.MIN_VALUE;
            for (int i = first + firstQuery; i < first + firstQuery + queries; i++) {
                earliest = Math.min(earliest, positions[i]);
                latest = Math.max(latest, positions[i]);
            }
            Coverage ofPattern =
                    earliestKey < 0 ? Coverage.SOME : pattern.coverage(earliest, latest, earliestKey, latestKey);
            return ofPattern == Coverage.ALL ? ofSequence : ofPattern;
        }
    }
}
