package parsimony.core.model;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import parsimony.core.autograd.Ops;
import parsimony.core.tensor.Tensor;

/**
 * The layer of Llama (Touvron et al., 2023): x + attention(norm(x)), then x + feedForward(norm(x)), with rotary positions and SwiGLU.
 */
public final class LlamaBlock implements Block {
    private final TransformerConfig config;
    private AttentionDesign design;
    private final String prefix;

    private Tensor attentionNorm;
    private final Linear query;
    private final Linear key;
    private final Linear value;
    private final Linear attentionOutput;
    private Tensor feedForwardNorm;
    private final Linear gate;
    private final Linear up;
    private final Linear down;
    private KeyValuePrefix learnedPrefix;

    /** @param weights the block's tensors and matrices under their names in a Hugging Face checkpoint */
    LlamaBlock(TransformerConfig config, AttentionDesign design, int index, Weights weights) {
        this.config = config;
        this.design = design;
        prefix = "model.layers." + index + ".";
        int hidden = config.hiddenSize();
        int queryWidth = config.heads() * config.headSize();
        int keyValueWidth = config.keyValueHeads() * config.headSize();
        attentionNorm = weights.vector(prefix + "input_layernorm.weight", hidden);
        query = projection(weights, "self_attn.q_proj", queryWidth);
        key = projection(weights, "self_attn.k_proj", keyValueWidth);
        value = projection(weights, "self_attn.v_proj", keyValueWidth);
        attentionOutput = linear(weights, "self_attn.o_proj", hidden, queryWidth);
        feedForwardNorm = weights.vector(prefix + "post_attention_layernorm.weight", hidden);
        gate = linear(weights, "mlp.gate_proj", config.intermediateSize(), hidden);
        up = linear(weights, "mlp.up_proj", config.intermediateSize(), hidden);
        down = linear(weights, "mlp.down_proj", hidden, config.intermediateSize());
    }

    private Linear projection(Weights weights, String name, int outputs) {
        Linear linear = linear(weights, name, outputs, config.hiddenSize());
        if (config.projectionBias()) {
            linear.setBias(weights.vector(prefix + name + ".bias", outputs));
        }
        return linear;
    }

    private Linear linear(Weights weights, String name, int outputs, int inputs) {
        return new Linear(prefix + name, weights.matrix(prefix + name + ".weight", outputs, inputs), null);
    }

    private LlamaBlock(LlamaBlock other) {
        config = other.config;
        design = other.design;
        prefix = other.prefix;
        attentionNorm = other.attentionNorm;
        query = other.query.copy();
        key = other.key.copy();
        value = other.value.copy();
        attentionOutput = other.attentionOutput.copy();
        feedForwardNorm = other.feedForwardNorm;
        gate = other.gate.copy();
        up = other.up.copy();
        down = other.down.copy();
        learnedPrefix = other.learnedPrefix;
    }

    @Override
    public Tensor forward(ForwardContext context, int index, Tensor x) {
        Ops ops = context.ops();
        Tensor normed = ops.rmsNorm(x, attentionNorm, config.normEpsilon());
        Tensor middle = ops.add(x, attend(context, index, normed));
        Tensor normedMiddle = ops.rmsNorm(middle, feedForwardNorm, config.normEpsilon());
        return ops.add(middle, feedForward(context, normedMiddle));
    }

    private Tensor attend(ForwardContext context, int index, Tensor normed) {
        Tensor q = query.forward(context, normed);
        KeyValuePrefix.KeyValues text = keyValues(context, normed);
        KeyValuePrefix.KeyValues before = learnedPrefix == null ? null : learnedPrefix.of(context, index, this);
        Tensor attended = new Attention(design, config).forward(context, index, q, text, before);
        return attentionOutput.forward(context, attended);
    }

    /** Keys, not rotated, and values. */
    private KeyValuePrefix.KeyValues keyValues(ForwardContext context, Tensor normed) {
        return new KeyValuePrefix.KeyValues(key.forward(context, normed), value.forward(context, normed));
    }

    /**
     * The keys, rotated, and values that the block makes of some rows.
     *
     * @param x what the block receives [rows, hidden]
     */
    public KeyValuePrefix.KeyValues keyValuesOf(ForwardContext context, Tensor x) {
        KeyValuePrefix.KeyValues made =
                keyValues(context, context.ops().rmsNorm(x, attentionNorm, config.normEpsilon()));
        Ops.Rotation rotation = context.rowRotation(design.positions(), context.positions());
        return new KeyValuePrefix.KeyValues(
                context.ops().rotate(made.keys(), config.keyValueHeads(), rotation), made.values());
    }

    private Tensor feedForward(ForwardContext context, Tensor normed) {
        Tensor gated = context.ops().swiGlu(gate.forward(context, normed), up.forward(context, normed));
        return down.forward(context, gated);
    }

    @Override
    public SequenceState newState() {
        return design.newState(config.keyValueHeads(), config.headSize());
    }

    /** The kernel, positions and cache that this block uses. */
    public AttentionDesign attention() {
        return design;
    }

    /** Exchanges kernel, positions or cache; sequences that were begun before keep their caches. */
    public void setAttention(AttentionDesign design) {
        this.design = design;
    }

    /** What precedes every text in this block, or null. */
    public KeyValuePrefix learnedPrefix() {
        return learnedPrefix;
    }

    /** Lets learned keys and values precede every text; null takes them away. */
    public void setLearnedPrefix(KeyValuePrefix prefix) {
        this.learnedPrefix = prefix;
    }

    @Override
    public List<Linear> linears() {
        return List.of(query, key, value, attentionOutput, gate, up, down);
    }

    @Override
    public List<InputGroup> inputGroups() {
        // With grouped queries one value head feeds several heads of the output matrix, which then cannot have scales
        // of their own.
        Consumer<float[]> valueHeads = config.heads() == config.keyValueHeads() ? value::divideOutputs : null;
        return List.of(
                new InputGroup(
                        List.of(query, key, value),
                        InputGroup.Source.NORM,
                        divisors -> attentionNorm = Linear.quotient(attentionNorm, divisors),
                        this::attend),
                new InputGroup(
                        List.of(attentionOutput),
                        InputGroup.Source.MATRIX,
                        valueHeads,
                        InputGroup.of(attentionOutput).part()),
                new InputGroup(
                        List.of(gate, up),
                        InputGroup.Source.NORM,
                        divisors -> feedForwardNorm = Linear.quotient(feedForwardNorm, divisors),
                        (context, index, x) -> feedForward(context, x)),
                new InputGroup(
                        List.of(down),
                        InputGroup.Source.MATRIX,
                        up::divideOutputs,
                        InputGroup.of(down).part()));
    }

    @Override
    public Map<String, Tensor> vectors() {
        Map<String, Tensor> vectors = new LinkedHashMap<>();
        vectors.put(prefix + "input_layernorm.weight", attentionNorm);
        for (Linear linear : List.of(query, key, value)) {
            if (linear.bias() != null) {
                vectors.put(linear.name() + ".bias", linear.bias());
            }
        }
        vectors.put(prefix + "post_attention_layernorm.weight", feedForwardNorm);
        return vectors;
    }

    @Override
    public Block copy() {
        return new LlamaBlock(this);
    }
}
