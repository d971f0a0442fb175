package parsimony.kvcache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.ForwardContext.Span;
import parsimony.core.model.Sequence;
import parsimony.core.model.TinyModels;
import parsimony.core.model.Transformer;
import parsimony.core.model.Visibility;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueContract;
import parsimony.core.technique.TechniqueSpec;
import parsimony.core.tensor.Tensor;

/** What every cache must do, checked on a model of two layers whose three query heads share a key/value head. */
abstract class CacheContract<O extends Record> extends TechniqueContract<O> {
    static final Ops OPS = new Ops(new ScalarBackend());

    final Transformer model = TinyModels.random(TinyModels.config(true, true, false), 3);

    /** Settings under which little fits. */
    abstract List<String> small();

    /** A setting under which 40 tokens fit as they are, so that the cache changes nothing. */
    abstract String large();

    Transformer apply(String spec) {
        return apply(spec, model);
    }

    static Transformer apply(String spec, Transformer model) {
        return TechniqueSpec.parse(spec).apply(model, TechniqueContext.of(OPS.backend()));
    }

    static int[] tokens(long seed, int count) {
        return new SplittableRandom(seed).ints(count, 0, 13).toArray();
    }

    static float[] next(Transformer model, Sequence sequence, int... tokens) {
        float[] logits =
                model.forward(ForwardContext.next(OPS, sequence, tokens)).array();
        sequence.commit(tokens.length);
        return logits;
    }

    @Test
    void changesNothingWhileAllFits() {
        int[] text = tokens(1, 40);
        Transformer cached = apply(large());
        try (Sequence expected = model.newSequence();
                Sequence actual = cached.newSequence()) {
            for (int first = 0; first < text.length; first += 4) {
                int[] piece = Arrays.copyOfRange(text, first, first + 4);
                assertThat(next(cached, actual, piece)).containsExactly(next(model, expected, piece), within(1e-5f));
            }
        }
    }

    @Test
    void whatIsRolledBackLeavesNoTrace() {
        for (String spec : small()) {
            Transformer cached = apply(spec);
            SplittableRandom random = new SplittableRandom(2);
            try (Sequence plain = cached.newSequence();
                    Sequence disturbed = cached.newSequence()) {
                for (int pass = 0; pass < 25; pass++) {
                    int[] piece = tokens(pass, pass == 0 ? 9 : 1 + pass % 3);
                    int[] wrong = tokens(100 + pass, 1 + random.nextInt(20));
                    cached.forward(ForwardContext.next(OPS, disturbed, wrong));
                    if (random.nextBoolean()) {
                        disturbed.rollback();
                    } else {
                        disturbed.commit(0);
                    }
                    assertThat(next(cached, disturbed, piece))
                            .as(spec + " pass " + pass)
                            .containsExactly(next(cached, plain, piece));
                }
            }
        }
    }

    @Test
    void aPathOfATokenTreeIsKeptAsIfItAloneHadBeenRead() {
        for (String spec : small()) {
            Transformer cached = apply(spec);
            try (Sequence plain = cached.newSequence();
                    Sequence tree = cached.newSequence()) {
                for (int pass = 0; pass < 12; pass++) {
                    int[] piece = tokens(pass, 3);
                    // Rows 1 and 2 are wrong, 0, 3 and 5 the path, 4 another child of 3.
                    int[] parents = {-1, -1, 0, 0, 3, 3};
                    int[] rows = {piece[0], 7, 8, piece[1], 9, piece[2]};
                    int start = tree.length();
                    int[] positions = {start, start, start + 1, start + 1, start + 2, start + 2};
                    Visibility paths = (query, tile, key) -> {
                        for (int row = query; row >= 0; row = parents[row]) {
                            if (row == tile.row(key)) {
                                return true;
                            }
                        }
                        return tile.row(key) < 0;
                    };
                    Tensor logits = cached.forward(
                            new ForwardContext(OPS, rows, positions, List.of(new Span(0, rows.length, tree, paths))));
                    tree.commit(new int[] {0, 3, 5});
                    float[] expected = next(cached, plain, piece);
                    for (int i = 0; i < 3; i++) {
                        int row = new int[] {0, 3, 5}[i];
                        assertThat(Arrays.copyOfRange(logits.array(), row * 13, row * 13 + 13))
                                .as(spec + " pass " + pass)
                                .containsExactly(Arrays.copyOfRange(expected, i * 13, i * 13 + 13), within(1e-4f));
                    }
                }
            }
        }
    }

    @Test
    void sequencesInABatchAreReadAsIfAlone() {
        for (String spec : small()) {
            Transformer cached = apply(spec);
            List<Sequence> alone = new ArrayList<>();
            List<Sequence> together = new ArrayList<>();
            int[] lengths = {1, 12, 30};
            for (int i = 0; i < lengths.length; i++) {
                alone.add(cached.newSequence());
                together.add(cached.newSequence());
                next(cached, alone.get(i), tokens(i, lengths[i]));
                next(cached, together.get(i), tokens(i, lengths[i]));
            }
            for (int step = 0; step < 10; step++) {
                int[] tokens = tokens(50 + step, lengths.length);
                int[] positions = new int[lengths.length];
                List<Span> spans = new ArrayList<>();
                for (int i = 0; i < lengths.length; i++) {
                    positions[i] = together.get(i).length();
                    spans.add(new Span(i, 1, together.get(i), new Visibility.Causal(positions, i)));
                }
                float[] logits = cached.forward(new ForwardContext(OPS, tokens, positions, spans))
                        .array();
                for (int i = 0; i < lengths.length; i++) {
                    together.get(i).commit(1);
                    assertThat(Arrays.copyOfRange(logits, i * 13, i * 13 + 13))
                            .as(spec + " step " + step)
                            .containsExactly(next(cached, alone.get(i), tokens[i]));
                }
            }
            alone.forEach(Sequence::close);
            together.forEach(Sequence::close);
        }
    }

    @Test
    void aForkGoesOnAsTheOriginalWould() {
        for (String spec : small()) {
            Transformer cached = apply(spec);
            try (Sequence original = cached.newSequence();
                    Sequence unforked = cached.newSequence()) {
                next(cached, original, tokens(1, 21));
                next(cached, unforked, tokens(1, 21));
                cached.forward(ForwardContext.next(OPS, original, 5, 6));
                try (Sequence fork = original.fork();
                        Sequence second = original.fork()) {
                    assertThat(fork.length()).isEqualTo(21);
                    original.rollback();
                    for (int step = 0; step < 12; step++) {
                        int token = tokens(step, 1)[0];
                        next(cached, original, 3, 4);
                        next(cached, second, 1);
                        assertThat(next(cached, fork, token))
                                .as(spec + " step " + step)
                                .containsExactly(next(cached, unforked, token));
                    }
                }
            }
        }
    }

    @Test
    void bytesOfASequenceAreThoseOfItsStates() {
        for (String spec : small()) {
            Transformer cached = apply(spec);
            try (Sequence sequence = cached.newSequence()) {
                next(cached, sequence, tokens(1, 30));
                assertThat(sequence.bytes()).as(spec).isPositive();
            }
        }
    }
}
