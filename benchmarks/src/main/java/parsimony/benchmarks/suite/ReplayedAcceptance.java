package parsimony.benchmarks.suite;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import parsimony.benchmarks.result.Result.Row;
import parsimony.benchmarks.suite.SpeculativeSuite.Passes;
import parsimony.core.autograd.Ops;
import parsimony.core.io.GgufType;
import parsimony.core.io.ModelFile;
import parsimony.core.io.ModelSynthesizer;
import parsimony.core.io.ModelSynthesizer.Shape;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.Sequence;
import parsimony.core.model.Transformer;

/**
 * What a draft would save on a model that memory bandwidth rules: one of Llama-3.2-1B's shape in 4 bits with random weights, whose passes are real and as long as the real pair's, while what is
 * accepted is what that pair accepted, and drafting is charged as a share of a pass over one token.
 */
final class ReplayedAcceptance {
    private static final String TECHNIQUE = "speculative:tokens=";
    private static final int PROMPT_TOKENS = 256;
    private static final int PASSES = 24;
    /** Time of a drafted token, in passes over one: none, a draft of a twentieth, of a tenth. */
    private static final double[] DRAFT_COSTS = {0, 0.05, 0.1};

    private final Suite.Request request;
    private final Suite.Listener listener;
    private final Ops ops;

    ReplayedAcceptance(Suite.Request request, Suite.Listener listener) {
        this.request = request;
        this.listener = listener;
        ops = new Ops(request.backend());
    }

    /** Replays those records that are of a draft model's chains of a fixed length. */
    void run(List<Passes> recorded) throws IOException {
        List<Passes> chains = recorded.stream()
                .filter(passes -> passes.name.matches(TECHNIQUE + "\\d+") && !passes.accepted.isEmpty())
                .toList();
        if (chains.isEmpty()) {
            return;
        }
        Path folder = Files.createTempDirectory("parsimony");
        Path file = folder.resolve("synthetic.gguf");
        try {
            listener.doing("writing a model of " + Shape.LLAMA_3_2_1B.label() + "'s shape");
            ModelSynthesizer.write(Shape.LLAMA_3_2_1B, GgufType.Q4_0, request.seed(), file, (done, total) -> {});
            Transformer model = ModelFile.open(file).transformer();
            for (Passes chain : chains) {
                measure(model, chain);
            }
        } finally {
            Files.deleteIfExists(file);
            Files.deleteIfExists(folder);
        }
    }

    private void measure(Transformer model, Passes chain) {
        int drafted = Integer.parseInt(chain.name.substring(TECHNIQUE.length()));
        listener.doing("replaying " + chain.name);
        int[] prompt = new SplittableRandom(request.seed())
                .ints(PROMPT_TOKENS, 0, model.config().vocabularySize())
                .toArray();
        long nanos = 0;
        long singleNanos = 0;
        long tokens = 0;
        int judged = 0;
        int accepted = 0;
        try (Sequence sequence = model.newSequence();
                Sequence single = model.newSequence()) {
            model.read(ops, sequence, prompt);
            model.read(ops, single, prompt);
            pass(model, sequence, drafted, 0);
            pass(model, single, 0, 0);
            for (int i = 0; i < PASSES; i++) {
                int kept = Math.min(drafted, chain.accepted.get(i % chain.accepted.size()));
                nanos += pass(model, sequence, drafted, kept);
                singleNanos += pass(model, single, 0, 0);
                tokens += kept + 1;
                accepted += kept;
                judged += kept + (kept < drafted ? 1 : 0);
            }
        }
        double check = nanos / (double) singleNanos;
        double perPass = tokens / (double) PASSES;
        double acceptance = accepted / (double) judged;
        for (double draft : DRAFT_COSTS) {
            double cost = drafted * draft + check;
            Map<String, Double> values = new HashMap<>();
            values.put("speed", perPass / cost);
            values.put("formula", SpeculativeSuite.expected(acceptance, drafted) / cost);
            values.put("perPass", perPass);
            values.put("drafted", (double) drafted);
            values.put("acceptance", acceptance);
            values.put("draft", draft);
            values.put("check", check);
            values.put("even", SpeculativeSuite.breakEven(drafted, cost));
            listener.measured(new Row(
                    "1B, %d drafted, c = %s".formatted(drafted, draft), "1B in 4 bits, replayed", chain.paper, values));
        }
    }

    /** The time of a pass over one token and what was drafted behind it, of which some is kept. */
    private long pass(Transformer model, Sequence sequence, int drafted, int kept) {
        int[] tokens = IntStream.rangeClosed(0, drafted)
                .map(i -> (sequence.length() + i) % model.config().vocabularySize())
                .toArray();
        int[] parents = IntStream.range(-1, drafted).toArray();
        long started = System.nanoTime();
        model.forward(ForwardContext.tree(ops.rowByRow(), sequence, tokens, parents, 0));
        long nanos = System.nanoTime() - started;
        sequence.commit(kept + 1);
        return nanos;
    }
}
