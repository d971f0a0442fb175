package parsimony.kvcache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.Backend;
import parsimony.core.backend.Backends;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.KeyValueTile;
import parsimony.core.model.Sequence;
import parsimony.core.model.Transformer;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueException;
import parsimony.core.tensor.Matrix;

class PagedTest extends CacheContract<Paged.Options> {
    @Override
    protected Technique<Paged.Options> technique() {
        return new Paged();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("blockSize=0", "limit=0", "limit=1t", "limit=none", "limit=much");
    }

    @Override
    List<String> small() {
        return List.of("paged:blockSize=4,limit=64k", "paged:blockSize=1,limit=64k", "paged:blockSize=7");
    }

    @Override
    String large() {
        return "paged";
    }

    @ParameterizedTest
    @CsvSource({"scalar, 3", "scalar, 16", "vector, 5"})
    void logitsHaveTheBitsOfAContiguousCache(String backendName, int blockSize) {
        try (Backend backend = Backends.create(backendName, 2)) {
            Ops ops = new Ops(backend);
            Transformer paged = apply("paged:limit=1m,blockSize=" + blockSize);
            SplittableRandom random = new SplittableRandom(blockSize);
            // Three sequences that grow in turn lie scattered among each other.
            List<Sequence> scattered = List.of(paged.newSequence(), paged.newSequence(), paged.newSequence());
            List<Sequence> contiguous = List.of(model.newSequence(), model.newSequence(), model.newSequence());
            for (int step = 0; step < 60; step++) {
                int which = random.nextInt(3);
                int[] piece = tokens(step, 1 + random.nextInt(9));
                Sequence a = scattered.get(which);
                Sequence b = contiguous.get(which);
                assertThat(paged.forward(ForwardContext.next(ops, a, piece)).array())
                        .containsExactly(model.forward(ForwardContext.next(ops, b, piece))
                                .array());
                int[] kept = random.ints(piece.length, 0, piece.length)
                        .sorted()
                        .distinct()
                        .toArray();
                a.commit(kept);
                b.commit(kept);
            }
            scattered.forEach(Sequence::close);
            assertThat(BlockPool.of(paged).blocksUsed()).isZero();
        }
    }

    @Test
    void forksShareTheirBeginningUntilTheyWrite() {
        Transformer paged = apply("paged:blockSize=4");
        BlockPool pool = BlockPool.of(paged);
        Sequence prompt = paged.newSequence();
        next(paged, prompt, tokens(1, 22));
        // Two layers of five full blocks and one that is half full.
        assertThat(pool.blocksUsed()).isEqualTo(12);
        List<Sequence> forks = List.of(prompt.fork(), prompt.fork(), prompt.fork());
        assertThat(pool.blocksUsed()).isEqualTo(12);
        next(paged, forks.get(0), 5);
        assertThat(pool.blocksUsed()).isEqualTo(14);
        next(paged, forks.get(1), 5, 6, 7);
        assertThat(pool.blocksUsed()).isEqualTo(18);
        prompt.close();
        next(paged, forks.get(2), 5);
        assertThat(pool.blocksUsed())
                .as("nobody else refers to the last block any more")
                .isEqualTo(18);
        forks.forEach(Sequence::close);
        assertThat(pool.blocksUsed()).isZero();
        assertThat(pool.peakBlocksUsed()).isEqualTo(18);
        assertThat(pool.bytes()).isGreaterThanOrEqualTo(18 * pool.blockBytes());
    }

    @Test
    void aFullPoolRefusesAndGoesOnWhenThereIsRoomAgain() {
        // A block of 4 tokens: keys and values, 2 heads of 4 floats: 256 bytes; 16 of them.
        Transformer paged = apply("paged:blockSize=4,limit=4k");
        BlockPool pool = BlockPool.of(paged);
        assertThat(pool.blocksAtMost()).isEqualTo(16);
        Sequence first = paged.newSequence();
        Sequence second = paged.newSequence();
        next(paged, first, tokens(1, 16));
        next(paged, second, tokens(2, 16));
        assertThat(pool.bytes()).isEqualTo(4096);
        assertThatThrownBy(() -> next(paged, second, 3))
                .isInstanceOf(TechniqueException.class)
                .hasMessageContaining("16 of the 16 blocks")
                .hasMessageContaining("limit=4k");
        second.rollback();
        first.close();
        float[] logits = next(paged, second, 3);
        Sequence expected = model.newSequence();
        next(model, expected, tokens(2, 16));
        assertThat(logits).containsExactly(next(model, expected, 3));
        assertThatThrownBy(() -> apply("paged:limit=1000")).isInstanceOf(TechniqueException.class);
    }

    @Test
    void sequencesThatGrowInTurnLieInOnePieceEachAsLongAsThereIsRoomToMove() {
        BlockPool pool = new BlockPool(2, 3, 4, new MemoryLimit(1 << 20));
        List<PagedKvCache> caches = List.of(new PagedKvCache(pool, 2, 3), new PagedKvCache(pool, 2, 3));
        for (int token = 0; token < 1000; token++) {
            for (PagedKvCache cache : caches) {
                append(cache, token, 1);
                cache.commit(new int[] {0});
                assertThat(cache.tiles(1).getFirst().keys().data())
                        .as("a view of the pool, no copy")
                        .isSameAs(pool.keys(1));
            }
        }
        assertThat(pool.blocksUsed()).isEqualTo(500);
    }

    @Test
    void onlyAModelWithPagesHasAPool() {
        assertThatThrownBy(() -> BlockPool.of(model)).isInstanceOf(IllegalArgumentException.class);
    }

    @ParameterizedTest
    @ValueSource(strings = {"1", "1000", "1k", "3m", "2g", "1536k"})
    void limitsAreWrittenAsTheyAreRead(String limit) {
        assertThat(MemoryLimit.parse(limit)).hasToString(limit);
    }

    /** One sequence of the model that the real ones are compared with: what is committed, and what is tentative. */
    private record Expected(PagedKvCache cache, List<Integer> committed, List<Integer> tentative) {
        List<Integer> all() {
            List<Integer> all = new ArrayList<>(committed);
            all.addAll(tentative);
            return all;
        }
    }

    /** Random appends, commits of some, roll-backs, forks and closings against plain lists, with a pool that is often full. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void sequencesAreWhatTheyWouldBeInListsOfTheirOwn(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        int blockSize = 1 + random.nextInt(6);
        int most = 12 + random.nextInt(30);
        BlockPool pool = new BlockPool(2, 3, blockSize, new MemoryLimit((long) most * blockSize * 2 * 2 * 3 * 4));
        assertThat(pool.blocksAtMost()).isEqualTo(most);
        List<Expected> live = new ArrayList<>();
        int next = 0;
        int refused = 0;
        for (int step = 0; step < 1500; step++) {
            int action = random.nextInt(10);
            Expected one = live.isEmpty() ? null : live.get(random.nextInt(live.size()));
            int used = pool.blocksUsed();
            if (one == null || action == 0 && live.size() < 8) {
                live.add(new Expected(new PagedKvCache(pool, 2, 3), new ArrayList<>(), new ArrayList<>()));
            } else if (action <= 4) {
                int count = 1 + random.nextInt(9);
                try {
                    append(one.cache, next, count);
                    for (int i = 0; i < count; i++) {
                        one.tentative.add(next++);
                    }
                } catch (TechniqueException e) {
                    refused++;
                    assertThat(used + count / blockSize + 2).as(e.getMessage()).isGreaterThan(most);
                    assertThat(pool.blocksUsed()).isEqualTo(used);
                }
            } else if (action <= 6) {
                int[] kept = random.ints(one.tentative.size(), 0, Math.max(1, one.tentative.size()))
                        .sorted()
                        .distinct()
                        .toArray();
                one.cache.commit(kept);
                Arrays.stream(kept).forEach(i -> one.committed.add(one.tentative.get(i)));
                one.tentative.clear();
            } else if (action == 7) {
                one.cache.rollback();
                one.tentative.clear();
            } else if (action == 8 && live.size() < 8) {
                try {
                    live.add(new Expected(one.cache.fork(), new ArrayList<>(one.committed), new ArrayList<>()));
                } catch (TechniqueException e) {
                    refused++;
                    assertThat(used).isEqualTo(most);
                }
            } else if (action == 9) {
                one.cache.close();
                live.remove(one);
            }
            assertThat(pool.blocksUsed()).isLessThanOrEqualTo(most);
            assertThat(pool.bytes()).isLessThanOrEqualTo(most * pool.blockBytes());
            int unshared = live.stream()
                    .mapToInt(each -> Math.ceilDiv(each.all().size(), blockSize))
                    .sum();
            assertThat(pool.blocksUsed()).isLessThanOrEqualTo(unshared);
            live.forEach(PagedTest::assertHolds);
        }
        assertThat(refused).isPositive();
        live.forEach(each -> each.cache.close());
        assertThat(pool.blocksUsed()).isZero();
        // All blocks can be had again.
        append(new PagedKvCache(pool, 2, 3), 0, most * blockSize);
    }

    private static void append(PagedKvCache cache, int first, int count) {
        float[] keys = new float[count * 6];
        float[] values = new float[count * 6];
        int[] positions = new int[count];
        for (int i = 0; i < keys.length; i++) {
            keys[i] = CacheDriver.number(first + i / 6, i % 6);
            values[i] = -keys[i];
            positions[i / 6] = first + i / 6;
        }
        cache.append(Matrix.of(keys, count, 6), Matrix.of(values, count, 6), positions, 0);
    }

    private static void assertHolds(Expected expected) {
        for (int head = 0; head < 2; head++) {
            KeyValueTile tile = expected.cache.tiles(head).getFirst();
            List<Integer> all = expected.all();
            assertThat(tile.size()).isEqualTo(all.size());
            for (int i = 0; i < all.size(); i++) {
                assertThat(tile.position(i)).isEqualTo(all.get(i));
                assertThat(tile.row(i)).isEqualTo(i - expected.committed.size());
                for (int j = 0; j < 3; j++) {
                    float number = CacheDriver.number(all.get(i), head * 3 + j);
                    if (tile.keys().get(i, j) != number || tile.values().get(i, j) != -number) {
                        throw new AssertionError("entry " + i + " of head " + head + " is "
                                + tile.keys().get(i, j) + ", not " + number);
                    }
                }
            }
        }
    }
}
