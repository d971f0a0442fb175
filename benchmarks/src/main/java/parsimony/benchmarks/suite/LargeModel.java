package parsimony.benchmarks.suite;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import parsimony.core.autograd.Ops;
import parsimony.core.io.ModelSynthesizer;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.KvCache;
import parsimony.core.model.Sequence;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.model.Weights;
import parsimony.core.technique.TechniqueException;
import parsimony.core.tensor.Matrix;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.WeightStorage;

/**
 * An eighth of a model of Llama 3.2 1B's shape with random weights, whose caches are filled with random keys and values, since reading tens of thousands of tokens would take too long. Two of its
 * sixteen layers and an eighth of its vocabulary are there, so that matrices and caches have the shares of a step that they have in the whole; weights, keys and values have 32 bits each, and so the sizes
 * relative to one another that they have with 16.
 */
final class LargeModel {
    /** The part of the layers, and of the vocabulary. */
    private static final int PARTS = 8;

    private static final int ROWS_PER_PASS = 128;

    /** Tokens that are written before time is taken. */
    private static final int WARM_UP = 4;

    private final Transformer weights;
    private final Matrix keys;
    private final Matrix values;

    private LargeModel(TransformerConfig shape, long seed) {
        weights = Transformer.random(shape, seed).frozen();
        int columns = shape.keyValueHeads() * shape.headSize();
        SplittableRandom random = new SplittableRandom(seed);
        keys = normal(random, columns);
        values = normal(random, columns);
    }

    /** The part of Llama 3.2 1B that stands for the whole. */
    static LargeModel eighth(long seed) {
        TransformerConfig whole = ModelSynthesizer.Shape.LLAMA_3_2_1B.config();
        return new LargeModel(
                shape(whole, whole.vocabularySize() / PARTS, whole.layers() / PARTS, whole.contextLength()), seed);
    }

    /** A model of any shape. */
    static LargeModel of(TransformerConfig shape, long seed) {
        return new LargeModel(shape, seed);
    }

    private static TransformerConfig shape(TransformerConfig from, int vocabulary, int layers, int contextLength) {
        return new TransformerConfig(
                vocabulary,
                from.hiddenSize(),
                from.intermediateSize(),
                layers,
                from.heads(),
                from.keyValueHeads(),
                from.headSize(),
                contextLength,
                from.normEpsilon(),
                from.rope(),
                from.tiedEmbeddings(),
                from.projectionBias(),
                -1,
                -1);
    }

    private static Matrix normal(SplittableRandom random, int columns) {
        Matrix matrix = Matrix.of(new float[ROWS_PER_PASS * columns], ROWS_PER_PASS, columns);
        for (int i = 0; i < matrix.data().length; i++) {
            matrix.data()[i] = (float) random.nextGaussian();
        }
        return matrix;
    }

    /** The model with a context of that many tokens. */
    Transformer withContext(int tokens) {
        TransformerConfig shape = weights.config();
        TransformerConfig longer = shape(shape, shape.vocabularySize(), shape.layers(), tokens);
        return Transformer.of(longer, new Weights() {
            @Override
            public WeightStorage matrix(String name, int rows, int columns) {
                return weights.matrices().get(name);
            }

            @Override
            public Tensor vector(String name, int size) {
                return weights.vectors().get(name);
            }
        });
    }

    /**
     * Adds tokens to a sequence as if they had been read.
     *
     * @param model whose sequence it is
     */
    void fill(Transformer model, Sequence sequence, int tokens) {
        for (int done = 0; done < tokens; done += ROWS_PER_PASS) {
            int count = Math.min(ROWS_PER_PASS, tokens - done);
            int first = sequence.length();
            int[] positions = IntStream.range(first, first + count).toArray();
            for (int block = 0; block < model.blocks().size(); block++) {
                ((KvCache) sequence.state(block)).append(keys.rows(0, count), values.rows(0, count), positions, 0);
            }
            sequence.commit(count);
        }
    }

    /** Bytes of the caches of one sequence, whose length is known from the start. */
    long bytes(Transformer model, int tokens) {
        try (Sequence sequence = model.newSequence()) {
            sequence.reserve(tokens);
            fill(model, sequence, tokens);
            return sequence.bytes();
        }
    }

    /** How many times faster than another a model writes tokens behind a text of that length; they take turns token by token. */
    double decodeRatio(Ops ops, Transformer model, Transformer baseline, int tokens, int steps) {
        try (Sequence ours = model.newSequence();
                Sequence theirs = baseline.newSequence()) {
            ours.reserve(tokens + WARM_UP + steps);
            theirs.reserve(tokens + WARM_UP + steps);
            fill(model, ours, tokens);
            fill(baseline, theirs, tokens);
            long ourTime = 0;
            long theirTime = 0;
            for (int step = -WARM_UP; step < steps; step++) {
                long theirStep = decode(ops, baseline, theirs);
                long ourStep = decode(ops, model, ours);
                if (step >= 0) {
                    theirTime += theirStep;
                    ourTime += ourStep;
                }
            }
            return (double) theirTime / ourTime;
        }
    }

    private static long decode(Ops ops, Transformer model, Sequence sequence) {
        long started = System.nanoTime();
        model.forward(ForwardContext.next(ops, sequence, 0));
        sequence.commit(1);
        return System.nanoTime() - started;
    }

    /**
     * How many sequences of a batch fit into memory, one after the other: each is told that it may become as long as the context, which some caches reserve, and is as long as a text really is.
     *
     * @param lengths of texts; those beyond the context are cut
     * @param refuses whether the model's caches have a limit of their own and refuse what is beyond it
     * @param limit bytes that all may take together, for those that do not
     */
    int sequencesThatFit(Transformer model, int[] lengths, boolean refuses, long limit) {
        int context = model.config().contextLength();
        List<Sequence> sequences = new ArrayList<>();
        long bytes = 0;
        try {
            while (true) {
                int length = lengths[sequences.size() % lengths.length];
                Sequence sequence = model.newSequence();
                sequences.add(sequence);
                sequence.reserve(context);
                fill(model, sequence, Math.min(context, length));
                bytes += sequence.bytes();
                if (!refuses && bytes > limit) {
                    return sequences.size() - 1;
                }
            }
        } catch (TechniqueException full) {
            return sequences.size() - 1;
        } finally {
            sequences.forEach(Sequence::close);
        }
    }
}
