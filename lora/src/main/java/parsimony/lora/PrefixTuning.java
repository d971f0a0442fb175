package parsimony.lora;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import parsimony.core.ModelFormatException;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.io.AdapterFile;
import parsimony.core.model.Block;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.KeyValuePrefix;
import parsimony.core.model.LlamaBlock;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.technique.Paper;
import parsimony.core.technique.TechniqueException;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.Tensor.GradientSlot;
import parsimony.core.train.AdamW;
import parsimony.core.train.FineTuner;
import parsimony.core.train.Tuning;

/**
 * Prefix tuning: in every block, learned keys and values stand before those of the text (Section 4.2). Trained directly they are hard to optimise, so they are given by a small matrix P′ and
 * a network, P[i] = MLP(P′[i]), which is thrown away afterwards (Section 4.3).
 *
 * <p>The keys are learned as they are after rotation, at positions before the text. PEFT counts the text's positions from the end of the prefix on; the keys are turned by as much in its files, so that both
 * compute the same.
 */
@Paper(survey = 84)
public final class PrefixTuning implements FineTuner<PrefixTuning.Options> {
    private static final String TENSOR = "prompt_embeddings";
    private static final double DEVIATION = 0.02;

    /**
     * @param tokens entries of the prefix
     * @param hidden width of the network that gives them; none to train them directly
     */
    public record Options(int tokens, Integer hidden) {
        public Options {
            if (tokens < 1) {
                throw new IllegalArgumentException("tokens must be at least 1, not " + tokens);
            }
            if (hidden != null && hidden < 1) {
                throw new IllegalArgumentException("hidden must be at least 1, or none, not " + hidden);
            }
        }
    }

    @Override
    public String name() {
        return "prefix";
    }

    @Override
    public String idea() {
        return "In every layer a few learned keys and values stand before those of the text, and the model "
                + "itself is frozen. The text attends to them as to an instruction, and nothing but them has to "
                + "be kept for each task.";
    }

    @Override
    public Options defaults() {
        return new Options(10, 512);
    }

    @Override
    public double learningRate() {
        return 3e-3;
    }

    @Override
    public String adapterType() {
        return "PREFIX_TUNING";
    }

    @Override
    public Tuning prepare(Transformer base, Options options, Setup setup) {
        if (!base.isMergeable()) {
            throw new TechniqueException("the model has a learned prefix already");
        }
        Transformer model = base.merged().frozen();
        TransformerConfig config = model.config();
        SplittableRandom random = new SplittableRandom(setup.seed());
        int width = config.keyValueHeads() * config.headSize();
        Map<String, Tensor> parameters = new LinkedHashMap<>();
        Network network = null;
        if (options.hidden != null) {
            network = new Network(
                    normal(random, options.tokens, config.hiddenSize()),
                    normal(random, options.hidden, config.hiddenSize()),
                    Tensor.zeros(options.hidden).setTrainable(true));
            parameters.put("embedding", network.embedding);
            parameters.put("hidden.weight", network.weight);
            parameters.put("hidden.bias", network.bias);
        }
        List<Part> parts = new ArrayList<>();
        for (int i = 0; i < config.layers(); i++) {
            int rows = network == null ? options.tokens : width;
            int columns = network == null ? width : options.hidden;
            Part part = new Part(normal(random, rows, columns), normal(random, rows, columns));
            parts.add(part);
            parameters.put("block." + i + ".key", part.key);
            parameters.put("block." + i + ".value", part.value);
        }
        Learned learned = new Learned(network, parts);
        blocks(model).forEach(block -> block.setLearnedPrefix(learned));
        return new Tuning(
                model,
                parameters,
                new AdamW(parameters, setup.backend(), setup.training()),
                setup,
                () -> file(model, learned, options.tokens, new Ops(setup.backend())));
    }

    private static Tensor normal(SplittableRandom random, int rows, int columns) {
        Tensor tensor = Tensor.zeros(rows, columns).setTrainable(true);
        for (int i = 0; i < tensor.size(); i++) {
            tensor.array()[i] = (float) (DEVIATION * random.nextGaussian());
        }
        return tensor;
    }

    static List<LlamaBlock> blocks(Transformer model) {
        List<LlamaBlock> blocks = new ArrayList<>();
        for (Block block : model.blocks()) {
            if (!(block instanceof LlamaBlock llama)) {
                throw new TechniqueException("a prefix needs blocks of attention");
            }
            blocks.add(llama);
        }
        return blocks;
    }

    /** What is trained for one block: keys and values themselves, or the matrices that give them. */
    private record Part(Tensor key, Tensor value) {}

    /** The first layer of the network, which all blocks share: tanh(W P′ + b). */
    private record Network(Tensor embedding, Tensor weight, Tensor bias) {
        Tensor hidden(Ops ops) {
            return tanh(ops.addBias(ops.multiply(embedding, weight), bias));
        }

        private static Tensor tanh(Tensor x) {
            Tensor y = x.zerosLike();
            for (int i = 0; i < y.size(); i++) {
                y.array()[i] = (float) Math.tanh(x.array()[i]);
            }
            GradientSlot dx = x.gradientSlot();
            Ops.onBackward(y, List.of(y), List.of(), dy -> {
                float[] sums = dx.forAdding(Tensor::zeros).array();
                for (int i = 0; i < sums.length; i++) {
                    sums[i] += dy.array()[i] * (1 - y.array()[i] * y.array()[i]);
                }
            });
            return y;
        }
    }

    /** The prefix while it is learned. */
    private record Learned(Network network, List<Part> parts) implements KeyValuePrefix {
        @Override
        public KeyValues of(ForwardContext context, int index, LlamaBlock block) {
            Part part = parts.get(index);
            if (network == null) {
                return new KeyValues(part.key, part.value);
            }
            Ops ops = context.ops();
            Tensor hidden = network.hidden(ops);
            return new KeyValues(ops.multiply(hidden, part.key), ops.multiply(hidden, part.value));
        }
    }

    /** A prefix that is given. */
    private record Given(List<KeyValues> blocks) implements KeyValuePrefix {
        @Override
        public KeyValues of(ForwardContext context, int index, LlamaBlock block) {
            return blocks.get(index);
        }
    }

    /** PEFT's rows hold, for one entry of the prefix, each block's key and value one after the other. */
    private static AdapterFile file(Transformer model, KeyValuePrefix prefix, int tokens, Ops ops) {
        TransformerConfig config = model.config();
        int width = config.keyValueHeads() * config.headSize();
        Tensor rows = Tensor.zeros(tokens, 2 * config.layers() * width);
        List<LlamaBlock> blocks = blocks(model);
        ForwardContext context = ForwardContext.batch(ops, new int[0], 1);
        for (int i = 0; i < blocks.size(); i++) {
            KeyValuePrefix.KeyValues entry = prefix.of(context, i, blocks.get(i));
            Tensor keys = turned(entry.keys(), blocks.get(i), tokens, config, ops, false);
            for (int token = 0; token < tokens; token++) {
                int at = token * rows.columns() + 2 * i * width;
                System.arraycopy(keys.array(), token * width, rows.array(), at, width);
                System.arraycopy(entry.values().array(), token * width, rows.array(), at + width, width);
            }
        }
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("peft_type", "PREFIX_TUNING");
        fields.put("task_type", "CAUSAL_LM");
        fields.put("inference_mode", true);
        fields.put("num_virtual_tokens", tokens);
        fields.put("num_transformer_submodules", 1);
        fields.put("num_layers", config.layers());
        fields.put("num_attention_heads", config.keyValueHeads());
        fields.put("token_dim", width);
        fields.put("encoder_hidden_size", width);
        fields.put("prefix_projection", false);
        return new AdapterFile(null, fields, Map.of(TENSOR, rows));
    }

    /** Keys turned by {@code positions} places, or back. */
    private static Tensor turned(
            Tensor keys, LlamaBlock block, int positions, TransformerConfig config, Ops ops, boolean back) {
        int[] all = new int[keys.rows()];
        Arrays.fill(all, back ? -positions : positions);
        return ops.rotate(
                keys.copy(),
                config.keyValueHeads(),
                block.attention().positions().rotation(all));
    }

    @Override
    public Transformer attach(Transformer base, AdapterFile file) throws ModelFormatException {
        TransformerConfig config = base.config();
        int width = config.keyValueHeads() * config.headSize();
        int tokens = (int) file.number("num_virtual_tokens");
        if (tokens < 1 || tokens > config.contextLength()) {
            throw file.refused("num_virtual_tokens must be from 1 to the model's context of " + config.contextLength()
                    + ", not " + tokens);
        }
        Tensor rows = file.tensor(TENSOR, tokens, 2 * config.layers() * width);
        Transformer result = base.frozen();
        List<KeyValuePrefix.KeyValues> entries = new ArrayList<>();
        Ops ops = new Ops(new ScalarBackend());
        for (LlamaBlock block : blocks(result)) {
            Tensor keys = Tensor.zeros(tokens, width);
            Tensor values = Tensor.zeros(tokens, width);
            for (int token = 0; token < tokens; token++) {
                int at = token * rows.columns() + 2 * entries.size() * width;
                System.arraycopy(rows.array(), at, keys.array(), token * width, width);
                System.arraycopy(rows.array(), at + width, values.array(), token * width, width);
            }
            entries.add(new KeyValuePrefix.KeyValues(turned(keys, block, tokens, config, ops, true), values));
        }
        Given given = new Given(entries);
        blocks(result).forEach(block -> block.setLearnedPrefix(given));
        return result;
    }
}
