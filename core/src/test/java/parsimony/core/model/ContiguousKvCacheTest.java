package parsimony.core.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import parsimony.core.tensor.Matrix;

class ContiguousKvCacheTest {
    private static final int HEADS = 3;
    private static final int SIZE = 2;

    private final ContiguousKvCache cache = new ContiguousKvCache(HEADS, SIZE);

    @Test
    void keepsWhatWasChosenInOrder() {
        append(0, 4);
        assertHolds(0, 1, 2, 3);
        cache.commit(new int[] {0, 1, 2, 3});
        append(10, 5);
        assertHolds(0, 1, 2, 3, 10, 11, 12, 13, 14);
        cache.commit(new int[] {1, 4});
        assertHolds(0, 1, 2, 3, 11, 14);
        append(20, 1);
        assertHolds(0, 1, 2, 3, 11, 14, 20);
        cache.rollback();
        assertHolds(0, 1, 2, 3, 11, 14);
        append(30, 2);
        cache.commit(new int[0]);
        assertHolds(0, 1, 2, 3, 11, 14);
    }

    @Test
    void severalAppendsAreCommittedAtOnce() {
        append(0, 2);
        append(5, 2);
        cache.commit(new int[] {0, 3});
        assertHolds(0, 6);
    }

    @Test
    void growsWithoutLosingAnything() {
        long small = cache.bytes();
        append(0, 60);
        cache.commit(IntStream.range(0, 60).toArray());
        append(60, 200);
        assertHolds(IntStream.range(0, 260).toArray());
        assertThat(cache.bytes()).isGreaterThan(small).isGreaterThanOrEqualTo(2L * 260 * HEADS * SIZE * Float.BYTES);
    }

    static List<int[]> wrongChoices() {
        return List.of(new int[] {2}, new int[] {-1}, new int[] {1, 0}, new int[] {0, 0}, new int[] {0, 1, 2});
    }

    @ParameterizedTest
    @MethodSource("wrongChoices")
    void refusesAChoiceThatDoesNotAscendWithinTheTentativeEntries(int[] kept) {
        append(0, 3);
        cache.commit(new int[] {0, 1, 2});
        append(3, 2);
        assertThatThrownBy(() -> cache.commit(kept)).isInstanceOf(IllegalArgumentException.class);
        assertHolds(0, 1, 2, 3, 4);
    }

    /** Adds entries whose numbers say which entry, head and element they are. */
    private void append(int first, int count) {
        int stride = HEADS * SIZE + 3;
        float[] keys = new float[1 + count * stride];
        float[] values = new float[1 + count * stride];
        int[] positions = new int[2 + count];
        for (int i = 0; i < count; i++) {
            positions[2 + i] = first + i;
            for (int j = 0; j < HEADS * SIZE; j++) {
                keys[1 + i * stride + j] = (first + i) * 100 + j;
                values[1 + i * stride + j] = -((first + i) * 100 + j);
            }
        }
        cache.append(
                new Matrix(keys, 1, count, HEADS * SIZE, stride),
                new Matrix(values, 1, count, HEADS * SIZE, stride),
                positions,
                2);
    }

    private void assertHolds(int... entries) {
        for (int head = 0; head < HEADS; head++) {
            List<KeyValueTile> tiles = cache.tiles(head);
            assertThat(tiles).hasSize(1);
            KeyValueTile tile = tiles.getFirst();
            assertThat(tile.size()).isEqualTo(entries.length);
            for (int i = 0; i < entries.length; i++) {
                assertThat(tile.position(i)).isEqualTo(entries[i]);
                for (int j = 0; j < SIZE; j++) {
                    assertThat(tile.keys().get(i, j)).isEqualTo(entries[i] * 100 + head * SIZE + j);
                    assertThat(tile.values().get(i, j)).isEqualTo(-tile.keys().get(i, j));
                }
            }
        }
    }
}
