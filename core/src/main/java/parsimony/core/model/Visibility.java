package parsimony.core.model;

/** Which query sees which key. Kernels ask for whole tiles first, so that what nobody sees is never computed. */
public interface Visibility {
    /** How much of a rectangle of queries × keys is visible. */
    enum Coverage {
        NONE,
        SOME,
        ALL
    }

    /** Whether query {@code query} (its row in the sequence's part of this forward pass) sees entry {@code key} of a tile. */
    boolean visible(int query, KeyValueTile tile, int key);

    /** The coverage of {@code queries × keys} from ({@code firstQuery}, {@code firstKey}) on; SOME is always a right answer. */
    default Coverage coverage(int firstQuery, int queries, KeyValueTile tile, int firstKey, int keys) {
        return Coverage.SOME;
    }

    /** Everyone sees everything. */
    Visibility FULL = new Visibility() {
        @Override
        public boolean visible(int query, KeyValueTile tile, int key) {
            return true;
        }

        @Override
        public Coverage coverage(int firstQuery, int queries, KeyValueTile tile, int firstKey, int keys) {
            return Coverage.ALL;
        }
    };

    /**
     * What a token tree sees: a row sees all that is committed, its ancestors and itself. The branches of a tree stand at the same positions and do not see each other.
     *
     * @param parents the row before row i in its branch is {@code parents[i]}, less than i; −1 for none. All rows since the last commit
     * @param first the row of query 0
     */
    record Tree(int[] parents, int first) implements Visibility {
        @Override
        public boolean visible(int query, KeyValueTile tile, int key) {
            int row = tile.row(key);
            int ancestor = first + query;
            while (ancestor > row && ancestor >= 0) {
                ancestor = parents[ancestor];
            }
            return row < 0 || ancestor == row;
        }

        @Override
        public Coverage coverage(int firstQuery, int queries, KeyValueTile tile, int firstKey, int keys) {
            return tile.row(firstKey + keys - 1) < 0 ? Coverage.ALL : Coverage.SOME;
        }
    }

    /**
     * The same for some of the queries.
     *
     * @param first the row of query 0
     */
    record OfRows(Visibility all, int first) implements Visibility {
        @Override
        public boolean visible(int query, KeyValueTile tile, int key) {
            return all.visible(first + query, tile, key);
        }

        @Override
        public Coverage coverage(int firstQuery, int queries, KeyValueTile tile, int firstKey, int keys) {
            return all.coverage(first + firstQuery, queries, tile, firstKey, keys);
        }
    }

    /**
     * A query sees the keys at its own position and before.
     *
     * @param positions query i stands at {@code positions[first + i]}
     */
    record Causal(int[] positions, int first) implements Visibility {
        /** Whether the first {@code queries} queries stand one after the other, without gaps. */
        boolean isOneByOne(int queries) {
            for (int i = 1; i < queries; i++) {
                if (positions[first + i] != positions[first] + i) {
                    return false;
                }
            }
            return true;
        }

        @Override
        public boolean visible(int query, KeyValueTile tile, int key) {
            return tile.position(key) <= positions[first + query];
        }

        @Override
        public Coverage coverage(int firstQuery, int queries, KeyValueTile tile, int firstKey, int keys) {
            int earliestQuery = Integer.MAX_VALUE;
            int latestQuery = Integer.MIN_VALUE;
            for (int i = first + firstQuery; i < first + firstQuery + queries; i++) {
                earliestQuery = Math.min(earliestQuery, positions[i]);
                latestQuery = Math.max(latestQuery, positions[i]);
            }
            int earliestKey = Integer.MAX_VALUE;
            int latestKey = Integer.MIN_VALUE;
            for (int i = firstKey; i < firstKey + keys; i++) {
                earliestKey = Math.min(earliestKey, tile.position(i));
                latestKey = Math.max(latestKey, tile.position(i));
            }
            if (latestKey <= earliestQuery) {
                return Coverage.ALL;
            }
            return earliestKey > latestQuery ? Coverage.NONE : Coverage.SOME;
        }
    }
}
