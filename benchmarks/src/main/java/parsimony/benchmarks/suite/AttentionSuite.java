package parsimony.benchmarks.suite;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import parsimony.benchmarks.result.Result.Chart;
import parsimony.benchmarks.result.Result.Column;
import parsimony.benchmarks.result.Result.Kind;
import parsimony.benchmarks.result.Result.Row;
import parsimony.benchmarks.result.Unit;
import parsimony.benchmarks.text.JavaText;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.Backend;
import parsimony.core.eval.Evaluator;
import parsimony.core.eval.HeldOutText;
import parsimony.core.model.AttentionDesign;
import parsimony.core.model.AttentionKernel;
import parsimony.core.model.KeyValueTile;
import parsimony.core.model.LlamaBlock;
import parsimony.core.model.NaiveAttention;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.model.Visibility;
import parsimony.core.technique.OptionException;
import parsimony.core.technique.Survey;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueException;
import parsimony.core.technique.TechniqueSpec;
import parsimony.core.tensor.Matrix;
import parsimony.core.text.Corpus;

/**
 * What attention costs over the length of the text, and how far each method is from the exact one; and how well the model reads texts longer than it was trained on. A technique is measured by what it
 * exchanged: a kernel alone on one head, positions by what the model predicts at several lengths, anything else by what it predicts at the trained one.
 */
final class AttentionSuite implements Suite {
    private static final int HEAD_SIZE = 64;
    private static final int[] LENGTHS = {512, 1024, 2048, 4096, 8192};
    private static final int[] QUICK_LENGTHS = {512, 2048};
    private static final int[] MULTIPLES = {1, 2, 4, 8};
    private static final int[] QUICK_MULTIPLES = {1, 2};
    private static final long TEXT_BYTES = 120_000;
    private static final long QUICK_TEXT_BYTES = 20_000;
    private static final long LEAST_NANOSECONDS = 600_000_000;
    private static final int MOST_RUNS = 200;

    @Override
    public Technique.Suite kind() {
        return Technique.Suite.ATTENTION;
    }

    @Override
    public String title() {
        return "Attention over the length of the text";
    }

    @Override
    public List<String> protocol(Request request) {
        int trained = request.model().transformer().config().contextLength();
        return List.of(
                "Kernels: one causal head of %d numbers on random queries, keys and values, forward; the median of several runs, taken in turn with the exact kernel that models are made with, and the bytes that one run allocates. Error is the distance from exact attention relative to its length."
                        .formatted(HEAD_SIZE),
                "Positions and shared heads: bits per byte of the beginnings of the longest files of commons-lang3 and commons-collections4, %,d bytes, in windows as long as stated with a stride of half of that; the model was trained on %d tokens at a time. Where no option is given, a technique with a factor gets the multiple of the trained length; nothing is trained on."
                        .formatted(textBytes(request), trained));
    }

    private static long textBytes(Request request) {
        return request.quick() ? QUICK_TEXT_BYTES : TEXT_BYTES;
    }

    @Override
    public List<Column> columns() {
        return List.of(
                new Column("tokens", "tokens", "Tokens", "of the text", Unit.COUNT, true),
                new Column("seconds", "time", "Time", "of one head, forward", Unit.SECONDS, false),
                new Column(
                        "speed",
                        "speed",
                        "Speed",
                        "as a multiple of flash's, which is exact, at this length",
                        Unit.TIMES,
                        true),
                new Column("allocated", "memory", "Memory", "bytes that one run allocates", Unit.BYTES, false),
                new Column(
                        "error", "error", "Error", "distance from exact attention, relative", Unit.SCIENTIFIC, false),
                new Column("bits", "bits", "Bits per byte", "of held-out text at this length", Unit.FINE, false),
                new Column("cache", "cache", "Cache", "bytes of keys and values a token", Unit.BYTES, false));
    }

    @Override
    public List<Chart> charts() {
        return List.of(
                new Chart(
                        "Time",
                        "Of one head. Down is better; the textbook's grows with the square.",
                        "tokens",
                        "seconds",
                        true,
                        true,
                        Kind.LINES),
                new Chart(
                        "Speed against exact attention",
                        "Up is better. Where a line crosses that of flash, a method begins to pay.",
                        "tokens",
                        "speed",
                        true,
                        true,
                        Kind.LINES),
                new Chart(
                        "Memory",
                        "That one run allocates. Down is better.",
                        "tokens",
                        "allocated",
                        true,
                        true,
                        Kind.LINES),
                new Chart(
                        "Error",
                        "Against exact attention. Down is better; exact kernels show rounding.",
                        "tokens",
                        "error",
                        true,
                        true,
                        Kind.LINES),
                new Chart(
                        "Texts longer than trained",
                        "Bits per byte. Down is better.",
                        "tokens",
                        "bits",
                        true,
                        false,
                        Kind.LINES));
    }

    @Override
    public void run(Request request, Listener listener) throws IOException {
        new Run(request, listener).run();
    }

    /** One run. */
    private static final class Run {
        private final Request request;
        private final Listener listener;
        private final Backend backend;
        private final Ops ops;
        private final Transformer model;
        private final int trained;
        private final HeldOutText text;

        Run(Request request, Listener listener) throws IOException {
            this.request = request;
            this.listener = listener;
            backend = request.backend();
            ops = new Ops(backend);
            model = request.model().transformer();
            trained = model.config().contextLength();
            text = HeldOutText.of(
                    "",
                    longFiles(JavaText.heldOut(), textBytes(request)),
                    request.model().tokenizer());
        }

        /** As much of the longest files as fits, at most half of it from one, so that windows can be long. */
        private static Corpus longFiles(Corpus corpus, long bytes) {
            List<Corpus.Document> longest = corpus.documents().stream()
                    .sorted((a, b) ->
                            Integer.compare(b.text().length(), a.text().length()))
                    .limit(2)
                    .toList();
            return Corpus.of(longest.stream()
                    .map(document ->
                            new Corpus.Document(document.name(), document.text().substring(0, (int)
                                    Math.min(document.text().length(), bytes / 2))))
                    .toList());
        }

        void run() {
            TransformerConfig shape = new TransformerConfig(
                    2,
                    HEAD_SIZE,
                    HEAD_SIZE,
                    1,
                    1,
                    1,
                    HEAD_SIZE,
                    1 << 20,
                    1e-5f,
                    model.config().rope(),
                    true,
                    false,
                    0,
                    1);
            Transformer oneHead = Transformer.random(shape, request.seed());
            lengthRows("the model as it is", "the model as it is", "", multiple -> model);
            for (TechniqueSpec spec : request.techniques()) {
                try {
                    measure(spec, oneHead);
                } catch (TechniqueException e) {
                    listener.failed(spec, e.getMessage());
                }
            }
        }

        private void measure(TechniqueSpec spec, Transformer oneHead) {
            Technique<?> last = spec.steps().getLast().technique();
            String title = Survey.title(last);
            Transformer changed = spec.apply(model, context());
            AttentionDesign before = design(model);
            AttentionDesign after = design(changed);
            if (after.positions() != before.positions()) {
                lengthRows(spec.toString(), spec.toString(), title, multiple -> stretched(spec, multiple));
            } else if (after.kernel() != before.kernel()) {
                AttentionKernel kernel = design(spec.apply(oneHead, context())).kernel();
                for (int tokens : request.quick() ? QUICK_LENGTHS : LENGTHS) {
                    listener.doing(spec + ": " + tokens + " tokens");
                    listener.measured(new Row(spec.toString(), spec.toString(), title, ofKernel(kernel, tokens)));
                }
            } else {
                listener.measured(new Row(spec.toString(), last.name(), title, ofModel(changed, trained)));
            }
        }

        private TechniqueContext context() {
            return TechniqueContext.of(backend).withSeed(request.seed());
        }

        private static AttentionDesign design(Transformer of) {
            return ((LlamaBlock) of.blocks().getFirst()).attention();
        }

        /** The technique with its factor, if it has one and nothing was said of it, set to the multiple. */
        private Transformer stretched(TechniqueSpec spec, int multiple) {
            TechniqueSpec.Step<?> last = spec.steps().getLast();
            TechniqueSpec fitting = spec;
            if (last.toString().equals(last.technique().name())) {
                try {
                    fitting = TechniqueSpec.parse(spec + ":factor=" + multiple);
                } catch (OptionException e) {
                    // It has no factor, and finds out by itself how long the text is.
                }
            }
            return fitting.apply(model, context());
        }

        private interface ByMultiple {
            Transformer model(int multiple);
        }

        private void lengthRows(String name, String series, String title, ByMultiple models) {
            for (int multiple : request.quick() ? QUICK_MULTIPLES : MULTIPLES) {
                listener.doing(name + ": " + multiple + " × the trained length");
                listener.measured(new Row(name, series, title, ofModel(models.model(multiple), multiple * trained)));
            }
        }

        private Map<String, Double> ofModel(Transformer changed, int tokens) {
            Map<String, Double> values = new HashMap<>();
            values.put("tokens", (double) tokens);
            values.put(
                    "bits",
                    new Evaluator(ops, tokens)
                            .evaluate(changed, text, Evaluator.Progress.SILENT)
                            .bitsPerByte());
            TransformerConfig config = changed.config();
            values.put("cache", 2.0 * Float.BYTES * config.layers() * config.keyValueHeads() * config.headSize());
            return values;
        }

        private Map<String, Double> ofKernel(AttentionKernel kernel, int tokens) {
            SplittableRandom random = new SplittableRandom(request.seed());
            AttentionKernel.Head head = head(random, tokens);
            Matrix exact = zeros(tokens);
            Matrix output = zeros(tokens);
            AttentionKernel baseline = design(model).kernel();
            float[] logSumExp = new float[tokens];
            new NaiveAttention().forward(backend, head, exact, logSumExp, 0);
            kernel.forward(backend, head, output, logSumExp, 0);
            long before = allocated();
            kernel.forward(backend, head, output, logSumExp, 0);
            long allocated = allocated() - before;
            long[] ours = new long[MOST_RUNS];
            long[] baselines = new long[MOST_RUNS];
            int runs = 0;
            long spent = 0;
            while (runs < MOST_RUNS && (runs < 3 || spent < LEAST_NANOSECONDS)) {
                baselines[runs] = time(baseline, head);
                ours[runs] = time(kernel, head);
                spent += baselines[runs] + ours[runs];
                runs++;
            }
            double median = median(ours, runs);
            Map<String, Double> values = new HashMap<>();
            values.put("tokens", (double) tokens);
            values.put("seconds", median / 1e9);
            values.put("speed", median(baselines, runs) / median);
            values.put("allocated", (double) allocated);
            values.put("error", distance(output, exact));
            return values;
        }

        private static double median(long[] times, int runs) {
            long[] sorted = Arrays.copyOf(times, runs);
            Arrays.sort(sorted);
            return sorted[runs / 2];
        }

        private long time(AttentionKernel kernel, AttentionKernel.Head head) {
            Matrix output = zeros(head.queries().rows());
            float[] logSumExp = new float[head.queries().rows()];
            long started = System.nanoTime();
            kernel.forward(backend, head, output, logSumExp, 0);
            return System.nanoTime() - started;
        }

        /** Of all threads, those that help among them. */
        private static long allocated() {
            return ((ThreadMXBean) ManagementFactory.getThreadMXBean()).getTotalThreadAllocatedBytes();
        }

        private static AttentionKernel.Head head(SplittableRandom random, int tokens) {
            int[] positions = IntStream.range(0, tokens).toArray();
            KeyValueTile tile = new KeyValueTile(normal(random, tokens), normal(random, tokens), positions, 0);
            return new AttentionKernel.Head(
                    normal(random, tokens),
                    positions,
                    0,
                    List.of(tile),
                    new Visibility.Causal(positions, 0),
                    new AttentionKernel.Scoring((float) (1 / Math.sqrt(HEAD_SIZE)), 0, 0));
        }

        private static Matrix normal(SplittableRandom random, int tokens) {
            Matrix matrix = zeros(tokens);
            for (int i = 0; i < matrix.data().length; i++) {
                matrix.data()[i] = (float) random.nextGaussian();
            }
            return matrix;
        }

        private static Matrix zeros(int tokens) {
            return Matrix.of(new float[tokens * HEAD_SIZE], tokens, HEAD_SIZE);
        }

        /** ‖a − b‖ / ‖b‖. */
        private static double distance(Matrix a, Matrix b) {
            double difference = 0;
            double length = 0;
            for (int i = 0; i < b.data().length; i++) {
                difference += Math.pow(a.data()[i] - b.data()[i], 2);
                length += Math.pow(b.data()[i], 2);
            }
            return Math.sqrt(difference / length);
        }
    }
}
