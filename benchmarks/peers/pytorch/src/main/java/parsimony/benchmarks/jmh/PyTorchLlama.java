package parsimony.benchmarks.jmh;

import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AdamW;
import org.bytedeco.pytorch.AdamWOptions;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import parsimony.core.model.TransformerConfig;
import parsimony.core.train.TrainingData;
import parsimony.core.train.TrainingOptions;

/** The Llama that {@link TrainingBenchmark} trains, written with PyTorch's operations as its users write it, and trained with its own AdamW. */
final class PyTorchLlama {
    private final TransformerConfig config;
    private final TrainingOptions options;
    private final Map<String, Tensor> parameters = new LinkedHashMap<>();
    private final TensorVector all = new TensorVector();
    private final AdamW optimizer;
    private final Tensor cosines;
    private final Tensor sines;

    /** @param weights by the names of Hugging Face's checkpoints; copied */
    PyTorchLlama(
            TransformerConfig config,
            Map<String, parsimony.core.tensor.Tensor> weights,
            TrainingOptions options,
            int context) {
        this.config = config;
        this.options = options;
        weights.forEach((name, weight) -> {
            long[] shape = new long[weight.rank()];
            for (int axis = 0; axis < shape.length; axis++) {
                shape[axis] = weight.dimension(axis);
            }
            Tensor parameter = Tensor.create(weight.array(), shape);
            parameter.set_requires_grad(true);
            parameters.put(name, parameter);
            all.push_back(parameter);
        });
        AdamWOptions adamW = new AdamWOptions(options.learningRate(0));
        adamW.betas().put(options.beta1(), options.beta2());
        adamW.weight_decay().put(options.weightDecay());
        optimizer = new AdamW(all, adamW);
        int half = config.headSize() / 2;
        float[] cos = new float[context * config.headSize()];
        float[] sin = new float[context * config.headSize()];
        for (int position = 0; position < context; position++) {
            for (int i = 0; i < config.headSize(); i++) {
                double angle = position * Math.pow(config.rope().theta(), -2.0 * (i % half) / config.headSize());
                cos[position * config.headSize() + i] = (float) Math.cos(angle);
                sin[position * config.headSize() + i] = (float) Math.sin(angle);
            }
        }
        cosines = Tensor.create(cos, 1, 1, context, config.headSize());
        sines = Tensor.create(sin, 1, 1, context, config.headSize());
    }

    /**
     * What a step came to.
     *
     * @param loss mean negative log-likelihood a token before the update
     * @param gradientNorm before clipping
     */
    record Step(double loss, double gradientNorm) {}

    /** One update from as many passes as a step has. */
    Step step(TrainingData data, long firstSequence, int context) {
        int passes = options.tokensPerStep() / options.tokensPerPass();
        int sequences = options.tokensPerPass() / context;
        double loss = 0;
        optimizer.zero_grad(true);
        for (int pass = 0; pass < passes; pass++) {
            TrainingData.Batch batch = data.batch(firstSequence + (long) pass * sequences, sequences, context);
            // Frees every tensor of the pass.
            try (PointerScope scope = new PointerScope()) {
                Tensor inputs = ids(batch.inputs(), sequences, context);
                Tensor targets = ids(batch.targets(), sequences * (long) context);
                Tensor logits = logits(inputs, sequences, context);
                Tensor mean = torch.cross_entropy_loss(logits, targets).div(new Scalar(passes));
                scope.attach(mean);
                mean.backward();
                loss += mean.item_float();
            }
        }
        double norm = torch.clip_grad_norm_(all, options.clip());
        optimizer.step();
        return new Step(loss, norm);
    }

    private static Tensor ids(int[] tokens, long... shape) {
        long[] wide = new long[tokens.length];
        for (int i = 0; i < wide.length; i++) {
            wide[i] = tokens[i];
        }
        return Tensor.create(wide, shape);
    }

    /** [sequences · context, vocabulary] */
    private Tensor logits(Tensor tokens, long sequences, long context) {
        long width = config.hiddenSize();
        Tensor x = torch.embedding(parameters.get("model.embed_tokens.weight"), tokens);
        for (int layer = 0; layer < config.layers(); layer++) {
            String prefix = "model.layers." + layer + ".";
            Tensor h = norm(x, prefix + "input_layernorm.weight");
            Tensor q = rotated(heads(h, prefix + "self_attn.q_proj.weight", sequences, context));
            Tensor k = rotated(heads(h, prefix + "self_attn.k_proj.weight", sequences, context));
            Tensor v = heads(h, prefix + "self_attn.v_proj.weight", sequences, context);
            Tensor attended = torch.scaled_dot_product_attention(
                            q, k, v, new TensorOptional(), 0, true, new DoubleOptional(), false)
                    .transpose(1, 2)
                    .reshape(sequences, context, width);
            x = x.add(torch.linear(attended, parameters.get(prefix + "self_attn.o_proj.weight")));
            h = norm(x, prefix + "post_attention_layernorm.weight");
            Tensor gate = torch.silu(torch.linear(h, parameters.get(prefix + "mlp.gate_proj.weight")));
            Tensor up = torch.linear(h, parameters.get(prefix + "mlp.up_proj.weight"));
            x = x.add(torch.linear(gate.mul(up), parameters.get(prefix + "mlp.down_proj.weight")));
        }
        return torch.linear(norm(x, "model.norm.weight"), parameters.get("model.embed_tokens.weight"))
                .reshape(sequences * context, config.vocabularySize());
    }

    private Tensor norm(Tensor x, String weight) {
        return torch.rms_norm(
                x,
                new long[] {config.hiddenSize()},
                new TensorOptional(parameters.get(weight)),
                new DoubleOptional(config.normEpsilon()));
    }

    /** [sequences, heads, context, headSize]; the embedded models have as many key/value heads as heads. */
    private Tensor heads(Tensor x, String weight, long sequences, long context) {
        return torch.linear(x, parameters.get(weight))
                .reshape(sequences, context, config.heads(), config.headSize())
                .transpose(1, 2);
    }

    /** Su et al., 2021, Eq. 34, in Hugging Face's layout. */
    private Tensor rotated(Tensor x) {
        TensorVector halves = torch.chunk(x, 2, -1);
        Tensor turned = torch.cat(new TensorVector(halves.get(1).neg(), halves.get(0)), -1);
        return x.mul(cosines).add(turned.mul(sines));
    }
}
