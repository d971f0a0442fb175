package parsimony.core.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import parsimony.core.autograd.Ops;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;

/** Embedding, a stack of {@link Block}s, a norm and an output matrix: a decoder-only language model of the Llama family. */
public final class Transformer {
    private static final String EMBEDDING = "model.embed_tokens";
    private static final String NORM = "model.norm.weight";
    private static final String OUTPUT = "lm_head";

    /** Rows of one forward pass when a text is read: enough for full speed, few enough to bound the activations. */
    private static final int ROWS_PER_PASS = 128;

    /** The fastest kernel that is installed. */
    private static final AttentionKernel KERNEL = ServiceLoader.load(
                    AttentionKernel.class, AttentionKernel.class.getClassLoader())
            .findFirst()
            .orElseGet(NaiveAttention::new);

    private final TransformerConfig config;
    private final WeightStorage embedding;
    private final List<Block> blocks;
    private final Tensor norm;
    private final Linear output;
    private final DecodingStrategy decoding;

    private Transformer(
            TransformerConfig config,
            WeightStorage embedding,
            List<Block> blocks,
            Tensor norm,
            Linear output,
            DecodingStrategy decoding) {
        this.config = config;
        this.embedding = embedding;
        this.blocks = blocks;
        this.norm = norm;
        this.output = output;
        this.decoding = decoding;
    }

    /** Puts a model together from weights under their names in a Hugging Face checkpoint. */
    public static Transformer of(TransformerConfig config, Weights weights) {
        AttentionDesign attention =
                new AttentionDesign(KERNEL, config.rope().encoding(config.headSize()), ContiguousKvCache::new);
        WeightStorage embedding = weights.matrix(EMBEDDING + ".weight", config.vocabularySize(), config.hiddenSize());
        List<Block> blocks = new ArrayList<>();
        for (int i = 0; i < config.layers(); i++) {
            blocks.add(new LlamaBlock(config, attention, i, weights));
        }
        Tensor norm = weights.vector(NORM, config.hiddenSize());
        WeightStorage outputWeight = config.tiedEmbeddings()
                ? embedding
                : weights.matrix(OUTPUT + ".weight", config.vocabularySize(), config.hiddenSize());
        return new Transformer(
                config, embedding, blocks, norm, new Linear(OUTPUT, outputWeight, null), new AutoregressiveDecoding());
    }

    /**
     * A model to be trained from nothing: normal weights of standard deviation 0.02, those that write to the residual stream divided by sqrt(2 ·
     * layers) (Radford et al., GPT-2, 2019, Section 2.3), norms of one, biases of zero.
     */
    public static Transformer random(TransformerConfig config, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        double residual = 0.02 / Math.sqrt(2.0 * config.layers());
        return of(config, new Weights() {
            @Override
            public WeightStorage matrix(String name, int rows, int columns) {
                boolean writesToStream = name.endsWith("o_proj.weight") || name.endsWith("down_proj.weight");
                double deviation = writesToStream ? residual : 0.02;
                Tensor tensor = Tensor.zeros(rows, columns);
                for (int i = 0; i < tensor.size(); i++) {
                    tensor.array()[i] = (float) (deviation * random.nextGaussian());
                }
                return new TensorStorage(tensor.setTrainable(true));
            }

            @Override
            public Tensor vector(String name, int size) {
                Tensor tensor = Tensor.zeros(size).setTrainable(true);
                if (name.endsWith("norm.weight")) {
                    Arrays.fill(tensor.array(), 1);
                }
                return tensor;
            }
        });
    }

    /** A model of the same weights whose layers can be changed without changing this one. */
    public Transformer copy() {
        return withDecoding(decoding);
    }

    /** A copy that writes in another way. */
    public Transformer withDecoding(DecodingStrategy other) {
        return new Transformer(
                config, embedding, blocks.stream().map(Block::copy).toList(), norm, output.copy(), other);
    }

    /** Whether {@link #merged} can give a model: not where learned keys and values precede every text, for which no weights stand. */
    public boolean isMergeable() {
        return blocks.stream().noneMatch(block -> block instanceof LlamaBlock llama && llama.learnedPrefix() != null);
    }

    /**
     * A model without adapters that computes the same: each is merged into its matrix.
     *
     * @throws IllegalStateException unless it {@link #isMergeable}
     */
    public Transformer merged() {
        if (!isMergeable()) {
            throw new IllegalStateException("a learned prefix cannot be merged into a model's weights");
        }
        Transformer result = copy();
        for (Linear linear : result.linears()) {
            if (linear.adapter() != null) {
                linear.setWeight(linear.adapter().merged(linear.weight()));
                linear.setAdapter(null);
            }
        }
        return result;
    }

    /**
     * A model of the same weights that can be trained: all of them are 32-bit floats of its own. Weights that were pruned are trained like the others; adapters stay as they are.
     *
     * @throws IllegalArgumentException if a block is not Llama's
     */
    public Transformer trainable() {
        return rebuilt(
                matrix -> new TensorStorage(matrix.decode().setTrainable(true)),
                vector -> vector.copy().setTrainable(true));
    }

    /**
     * A model of the same weights none of which receives a gradient; those of a model in training are shared with it.
     *
     * @throws IllegalArgumentException if a block is not Llama's
     */
    public Transformer frozen() {
        return trainableParameters().isEmpty()
                ? copy()
                : rebuilt(
                        matrix -> matrix instanceof TensorStorage(Tensor tensor)
                                ? new TensorStorage(Tensor.of(tensor.array(), tensor.shape()))
                                : matrix,
                        vector -> Tensor.of(vector.array(), vector.shape()));
    }

    private Transformer rebuilt(UnaryOperator<WeightStorage> matrices, UnaryOperator<Tensor> vectors) {
        Map<String, WeightStorage> newMatrices = new LinkedHashMap<>(matrices());
        Map<String, Tensor> newVectors = new LinkedHashMap<>(vectors());
        newMatrices.replaceAll((name, matrix) -> matrices.apply(matrix));
        newVectors.replaceAll((name, vector) -> vectors.apply(vector));
        Transformer result = reshaped(config, newMatrices, newVectors);
        for (int i = 0; i < blocks.size(); i++) {
            LlamaBlock block = (LlamaBlock) blocks.get(i);
            LlamaBlock copy = (LlamaBlock) result.blocks.get(i);
            copy.setLearnedPrefix(block.learnedPrefix());
            for (int j = 0; j < block.linears().size(); j++) {
                copy.linears().get(j).setAdapter(block.linears().get(j).adapter());
            }
        }
        return result;
    }

    /**
     * A model of other weights, and of another shape if these ask for it, whose blocks attend as this one's do.
     *
     * @param config of as many layers
     * @param matrices by their names in a checkpoint
     * @param vectors by their names in a checkpoint
     * @throws IllegalArgumentException if a block is not Llama's
     */
    public Transformer reshaped(
            TransformerConfig config, Map<String, WeightStorage> matrices, Map<String, Tensor> vectors) {
        Transformer result = of(config, new Weights() {
            @Override
            public WeightStorage matrix(String name, int rows, int columns) {
                return matrices.get(name);
            }

            @Override
            public Tensor vector(String name, int size) {
                return vectors.get(name);
            }
        });
        for (int i = 0; i < blocks.size(); i++) {
            if (!(blocks.get(i) instanceof LlamaBlock block)) {
                throw new IllegalArgumentException("blocks of the class "
                        + blocks.get(i).getClass().getSimpleName() + " cannot be given other weights");
            }
            ((LlamaBlock) result.blocks.get(i)).setAttention(block.attention());
        }
        return result.withDecoding(decoding);
    }

    /**
     * Reads the context's tokens.
     *
     * @return logits [rows, vocabulary]
     */
    public Tensor forward(ForwardContext context) {
        return context.ops().pass(() -> logits(context.ops(), hiddenStates(context)));
    }

    /**
     * What the last block gives for the context's tokens, before the final norm.
     *
     * @return [rows, hidden]
     */
    public Tensor hiddenStates(ForwardContext context) {
        return context.ops().pass(() -> {
            Tensor x = embed(context);
            // What a block leaves behind goes with it, but for a learned prefix, whose keys later blocks use.
            boolean apart = isMergeable();
            for (int i = 0; i < blocks.size(); i++) {
                int index = i;
                Tensor from = x;
                Supplier<Tensor> block = () -> blocks.get(index).forward(context, index, from);
                x = apart ? context.ops().pass(block) : block.get();
            }
            return x;
        });
    }

    /**
     * What the first block receives for the context's tokens.
     *
     * @return [rows, hidden]
     */
    public Tensor embed(ForwardContext context) {
        for (int token : context.tokens()) {
            if (token < 0 || token >= config.vocabularySize()) {
                throw new IllegalArgumentException(
                        "token " + token + " is not in the vocabulary of " + config.vocabularySize());
            }
        }
        return context.ops().embed(embedding, context.tokens());
    }

    /**
     * @param hidden [rows, hidden], from {@link #hiddenStates}, all rows or some
     * @return [rows, vocabulary]
     */
    public Tensor logits(Ops ops, Tensor hidden) {
        return ops.pass(() -> output.forward(ops, normalized(ops, hidden)));
    }

    /**
     * What the output matrix receives.
     *
     * @param hidden [rows, hidden], from {@link #hiddenStates}, all rows or some
     * @return [rows, hidden]
     */
    public Tensor normalized(Ops ops, Tensor hidden) {
        return ops.pass(() -> ops.rmsNorm(hidden, norm, config.normEpsilon()));
    }

    /**
     * Reads the next tokens of a sequence, a few hundred at a time, and commits them.
     *
     * @param tokens at least one
     * @return the logits of what follows the last one, [1, vocabulary]
     */
    public Tensor read(Ops ops, Sequence sequence, int... tokens) {
        if (tokens.length == 0) {
            throw new IllegalArgumentException("there is no token to read");
        }
        int lastPiece = (tokens.length - 1) / ROWS_PER_PASS * ROWS_PER_PASS;
        for (int first = 0; first < lastPiece; first += ROWS_PER_PASS) {
            hiddenStates(ForwardContext.next(ops, sequence, Arrays.copyOfRange(tokens, first, first + ROWS_PER_PASS)));
            sequence.commit(ROWS_PER_PASS);
        }
        return ops.pass(() -> {
            int[] piece = Arrays.copyOfRange(tokens, lastPiece, tokens.length);
            Tensor hidden = hiddenStates(ForwardContext.next(ops, sequence, piece));
            sequence.commit(piece.length);
            return logits(ops, lastRow(hidden));
        });
    }

    private static Tensor lastRow(Tensor hidden) {
        if (hidden.rows() == 1) {
            return hidden;
        }
        float[] all = hidden.array();
        return Tensor.of(Arrays.copyOfRange(all, all.length - hidden.columns(), all.length), 1, hidden.columns());
    }

    /** How this model writes: one token a pass, unless a technique gave it another way. */
    public DecodingStrategy decoding() {
        return decoding;
    }

    /** A new, empty sequence for this model. */
    public Sequence newSequence() {
        return new Sequence(blocks.stream().map(Block::newState).toList(), 0);
    }

    public TransformerConfig config() {
        return config;
    }

    public List<Block> blocks() {
        return blocks;
    }

    /** The embedding table [vocabulary, hidden]. */
    public WeightStorage embedding() {
        return embedding;
    }

    /** The last matrix [vocabulary, hidden]; its storage is the embedding's where the two are tied. */
    public Linear output() {
        return output;
    }

    /** The matrices of all blocks: what compression applies to. Embedding and output are not among them. */
    public List<Linear> linears() {
        return blocks.stream().flatMap(block -> block.linears().stream()).toList();
    }

    /** Every matrix under its name in a checkpoint, a tied output left out. */
    public Map<String, WeightStorage> matrices() {
        Map<String, WeightStorage> matrices = new LinkedHashMap<>();
        matrices.put(EMBEDDING + ".weight", embedding);
        linears().forEach(linear -> matrices.put(linear.name() + ".weight", linear.weight()));
        if (!config.tiedEmbeddings()) {
            matrices.put(OUTPUT + ".weight", output.weight());
        }
        return matrices;
    }

    /** Every vector under its name in a checkpoint. */
    public Map<String, Tensor> vectors() {
        Map<String, Tensor> vectors = new LinkedHashMap<>();
        blocks.forEach(block -> vectors.putAll(block.vectors()));
        vectors.put(NORM, norm);
        return vectors;
    }

    /** The parameters that are being trained, under their names in a checkpoint. */
    public Map<String, Tensor> trainableParameters() {
        Map<String, Tensor> parameters = new LinkedHashMap<>();
        matrices().forEach((name, storage) -> {
            if (storage instanceof TensorStorage(Tensor tensor) && tensor.isTrainable()) {
                parameters.put(name, tensor);
            }
        });
        vectors().forEach((name, tensor) -> {
            if (tensor.isTrainable()) {
                parameters.put(name, tensor);
            }
        });
        return parameters;
    }

    /** Bytes of all matrices and vectors, a tied output counted once. */
    public long bytes() {
        return matrices().values().stream().mapToLong(WeightStorage::bytes).sum()
                + vectors().values().stream().mapToLong(v -> 4L * v.size()).sum();
    }
}
