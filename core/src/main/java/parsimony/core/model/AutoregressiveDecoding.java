package parsimony.core.model;

import java.util.Arrays;
import java.util.random.RandomGenerator;
import parsimony.core.autograd.Ops;
import parsimony.core.tensor.Tensor;

/** One token a forward pass: what every other strategy is compared with. */
public final class AutoregressiveDecoding implements DecodingStrategy {
    /** Tokens to be written that memory is set aside for at once. */
    private static final int MOST_RESERVED = 1024;

    @Override
    public String name() {
        return "autoregressive";
    }

    @Override
    public Generation generate(Transformer model, Ops ops, Request request, Listener listener) {
        try (Sequence sequence = model.newSequence()) {
            return generate(model, ops, request, listener, sequence);
        }
    }

    private static Generation generate(
            Transformer model, Ops ops, Request request, Listener listener, Sequence sequence) {
        Sampler sampler = request.sampler();
        RandomGenerator random = sampler.newRandom();
        sequence.reserve(request.prompt().length + Math.min(request.maxTokens(), MOST_RESERVED));
        int[] written = new int[Math.min(request.maxTokens(), 256)];
        int count = 0;
        int passes = 0;
        boolean stopped = false;
        long started = System.nanoTime();
        Tensor logits = model.read(ops, sequence, request.prompt());
        long prefilled = System.nanoTime();
        while (count < request.maxTokens()) {
            int token = sampler.sample(logits.array(), random);
            if (request.stopTokens().contains(token)) {
                stopped = true;
                break;
            }
            if (count == written.length) {
                written = Arrays.copyOf(written, 2 * count);
            }
            written[count++] = token;
            listener.token(token, Origin.MODEL);
            if (count < request.maxTokens()) {
                logits = model.read(ops, sequence, token);
                passes++;
            }
        }
        return new Generation(
                Arrays.copyOf(written, count),
                stopped,
                passes,
                0,
                0,
                prefilled - started,
                System.nanoTime() - prefilled,
                0);
    }
}
