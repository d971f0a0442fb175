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
        int[] prompt = request.prompt();
        sequence.reserve(prompt.length + Math.min(request.maxTokens(), MOST_RESERVED));
        int[] written = new int[Math.min(request.maxTokens(), 256)];
        int count = 0;
        int passes = 0;
        boolean stopped = false;
        long started = System.nanoTime();
        if (prompt.length > 1) {
            model.read(ops, sequence, Arrays.copyOf(prompt, prompt.length - 1));
        }
        long prefilled = System.nanoTime();
        int last = prompt[prompt.length - 1];
        while (count < request.maxTokens()) {
            Tensor logits = model.read(ops, sequence, last);
            passes++;
            last = sampler.sample(logits.array(), random);
            if (request.stopTokens().contains(last)) {
                stopped = true;
                break;
            }
            if (count == written.length) {
                written = Arrays.copyOf(written, 2 * count);
            }
            written[count++] = last;
            listener.token(last, Origin.MODEL);
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
