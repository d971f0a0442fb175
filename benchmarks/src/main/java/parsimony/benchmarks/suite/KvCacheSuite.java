package parsimony.benchmarks.suite;

import java.io.IOException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import parsimony.benchmarks.result.Result.Chart;
import parsimony.benchmarks.result.Result.Column;
import parsimony.benchmarks.result.Result.Kind;
import parsimony.benchmarks.result.Result.Row;
import parsimony.benchmarks.result.Unit;
import parsimony.benchmarks.text.JavaText;
import parsimony.core.autograd.Ops;
import parsimony.core.eval.HeldOutText;
import parsimony.core.eval.SequenceEvaluator;
import parsimony.core.model.Sequence;
import parsimony.core.model.Transformer;
import parsimony.core.technique.OptionException;
import parsimony.core.technique.Survey;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueException;
import parsimony.core.technique.TechniqueSpec;
import parsimony.core.text.Corpus;
import parsimony.core.text.Tokenizer;

/** What a smaller cache of keys and values loses and forgets, and what it saves, over the length of the text. */
final class KvCacheSuite implements Suite {
    /** Tokens of the texts for quality, if the model's context is longer. */
    private static final int MOST_TOKENS = 2048;

    /** Fewest tokens of a text that has room for a declaration and a use. */
    private static final int FEWEST_NEEDLE_TOKENS = 256;

    /** Tokens of the long text that are read in one pass. */
    private static final int LONG_TEXT_PASS = 64;

    /** Tokens of the long text after which bits are stated for the first time. */
    private static final int FIRST_READ = 1024;

    /**
     * How much is measured.
     *
     * @param documents beginnings of files
     * @param needles identifiers to be remembered
     * @param longText tokens of the long text
     * @param lengths of texts behind which is written
     * @param steps tokens that are written
     * @param megabytes of 2²⁰ bytes that the caches of all sequences of a batch may take together
     */
    private record Extent(int documents, int needles, int longText, List<Integer> lengths, int steps, int megabytes) {
        static Extent of(Request request) {
            return request.quick()
                    ? new Extent(2, 4, 2048, List.of(512, 2048), 8, 128)
                    : new Extent(12, 24, 16_384, List.of(512, 2048, 8192, 32_768), 16, 256);
        }
    }

    @Override
    public Technique.Suite kind() {
        return Technique.Suite.KVCACHE;
    }

    @Override
    public String title() {
        return "What a smaller cache loses and saves";
    }

    @Override
    public List<String> protocol(Request request) {
        Extent extent = Extent.of(request);
        return List.of(
                "Rows without a length: the model reads the beginnings of %d files of commons-lang3 and commons-collections4 through the cache, token by token and as long as its context, %d tokens; bits are those of a byte, and loss is their change from the cache that keeps everything. Shares of a budget are of the context."
                        .formatted(extent.documents, context(request)),
                "Recall: %d texts of the same length that declare a random identifier in their first lines, go on with code of those libraries, and end with its next use, %d tokens a pass; of the bits that this use takes less with the full cache than where another identifier was declared, the share that is saved with this cache."
                        .formatted(extent.needles, Needles.TOKENS_PER_PASS),
                "Rows with a length are of the first set of options of each technique. Those with bits: files one after the other, read as one text, %d tokens a pass; bits of a byte from the beginning to there."
                        .formatted(LONG_TEXT_PASS),
                "Those with a speed: a model of the shape of Llama 3.2 1B with random weights, of which there is an eighth of the layers and of the vocabulary, and a cache that is filled with random keys and values up to the length, of which budgets are shares. Held is for this eighth; decode is the speed of writing %d tokens there, as a multiple of the full cache's, measured in turn with it. Sequences are how many fit in %d MiB, one after the other, if each may become that long, which the full cache reserves, and is as long as a file of those libraries, cut at the length."
                        .formatted(extent.steps, extent.megabytes));
    }

    private static int context(Request request) {
        return Math.min(MOST_TOKENS, request.model().transformer().config().contextLength());
    }

    @Override
    public List<Column> columns() {
        return List.of(
                new Column("tokens", "tokens", "Tokens", "of the text", Unit.COUNT, true),
                new Column("bits", "bits/byte", "Bits per byte", "of held-out text", Unit.FINE, false),
                new Column("loss", "loss", "Loss", "in bits, against the full cache", Unit.SHARE, false),
                new Column("recall", "recall", "Recall", "of what an identifier is called", Unit.SHARE, true),
                new Column("held", "held", "Held", "bytes of a sequence's caches", Unit.BYTES, false),
                new Column("each", "a token", "Each token", "bytes held for a token of the text", Unit.BYTES, false),
                new Column("share", "of full", "Of full", "bytes as a share of the full cache's", Unit.SHARE, false),
                new Column("decode", "decode", "Decode", "speed as a multiple of the full cache's", Unit.TIMES, true),
                new Column("sequences", "fit", "Sequences", "that fit in the same memory", Unit.COUNT, true));
    }

    @Override
    public List<Chart> charts() {
        return List.of(
                new Chart(
                        "Loss against memory",
                        "At the trained length. Down and left are better.",
                        "share",
                        "loss",
                        false,
                        false,
                        Kind.POINTS),
                new Chart(
                        "Recall against memory",
                        "At the trained length. Up and left are better.",
                        "share",
                        "recall",
                        false,
                        false,
                        Kind.POINTS),
                new Chart(
                        "Reading on",
                        "Bits per byte from the beginning of one long text to here. Down is better; flat can go on for ever.",
                        "tokens",
                        "bits",
                        true,
                        false,
                        Kind.LINES),
                new Chart(
                        "Decode speed over the length",
                        "Against the full cache. Up is better.",
                        "tokens",
                        "decode",
                        true,
                        false,
                        Kind.LINES),
                new Chart("Memory over the length", "Down is better.", "tokens", "held", true, true, Kind.LINES),
                new Chart(
                        "Sequences in the same memory",
                        "Each may become as long as this, and is as long as a file. Up is better.",
                        "tokens",
                        "sequences",
                        true,
                        true,
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
        private final Extent extent;
        private final Ops ops;
        private final Transformer model;
        private final int trained;
        private final List<int[]> files;
        private final HeldOutText beginnings;
        private final HeldOutText longText;
        private final Optional<Needles> needles;
        private final LargeModel largeModel;
        private final Map<Integer, Transformer> largeByContext = new HashMap<>();
        private final Map<Integer, Long> fullLargeBytes = new HashMap<>();
        private final Set<String> seen = new HashSet<>();
        private double fullBits;
        private double fullNeedleBits;
        private double undeclaredNeedleBits;

        Run(Request request, Listener listener) throws IOException {
            this.request = request;
            this.listener = listener;
            extent = Extent.of(request);
            ops = new Ops(request.backend());
            model = request.model().transformer();
            trained = context(request);
            Corpus heldOut = JavaText.heldOut();
            files = JavaText.drawn(heldOut, request.seed()).stream()
                    .map(file -> request.model().tokenizer().encode(file.text(), false))
                    .toList();
            int length = trained - 1; // and the token that begins a text
            beginnings = new HeldOutText(
                    "",
                    files.stream()
                            .filter(tokens -> tokens.length >= length)
                            .limit(extent.documents)
                            .map(tokens -> document(Arrays.copyOf(tokens, length)))
                            .toList());
            longText = new HeldOutText(
                    "",
                    List.of(document(files.stream()
                            .flatMapToInt(Arrays::stream)
                            .limit(extent.longText)
                            .toArray())));
            needles = length < FEWEST_NEEDLE_TOKENS
                    ? Optional.empty()
                    : Optional.of(Needles.of(request.model(), heldOut, extent.needles, length, request.seed()));
            largeModel = LargeModel.eighth(request.seed());
            extent.lengths.forEach(tokens -> largeByContext.put(tokens, largeModel.withContext(tokens)));
        }

        private HeldOutText.Document document(int[] tokens) {
            Tokenizer tokenizer = request.model().tokenizer();
            long bytes = Arrays.stream(tokens)
                    .mapToLong(token -> tokenizer.bytesOf(token).length)
                    .sum();
            return new HeldOutText.Document(tokens, bytes);
        }

        void run() {
            listener.doing("the full cache");
            fullBits = bitsPerByte(model);
            needles.ifPresent(texts -> {
                fullNeedleBits = texts.bits(ops, model);
                undeclaredNeedleBits = texts.bitsUndeclared(ops, model);
            });
            // So that the first to be measured finds everything compiled.
            int shortest = extent.lengths.getFirst();
            Transformer large = largeByContext.get(shortest);
            largeModel.decodeRatio(ops, large, large, shortest, 2 * extent.steps);
            for (TechniqueSpec spec : request.techniques()) {
                try {
                    measure(spec);
                } catch (TechniqueException e) {
                    listener.failed(spec, e.getMessage());
                }
            }
        }

        private void measure(TechniqueSpec spec) {
            Transformer changed = spec.apply(model, techniqueContext());
            listener.doing(spec + ": quality");
            Map<String, Double> quality = new HashMap<>();
            quality.put("bits", bitsPerByte(changed));
            quality.put("loss", quality.get("bits") / fullBits - 1);
            needles.ifPresent(texts -> quality.put(
                    "recall",
                    (undeclaredNeedleBits - texts.bits(ops, changed)) / (undeclaredNeedleBits - fullNeedleBits)));
            memory(quality, trained, bytes(changed), bytes(model));
            Technique<?> last = spec.steps().getLast().technique();
            listener.measured(new Row(spec.toString(), last.name(), Survey.title(last), quality));
            if (!seen.add(last.name())) {
                return;
            }
            listener.doing(spec + ": a long text");
            readOn(spec, changed);
            TechniqueSpec cache = new TechniqueSpec(List.of(spec.steps().getLast()));
            for (int tokens : extent.lengths) {
                listener.doing(spec + ": " + tokens + " tokens in a large model");
                measuredToo(spec, ofLargeModel(cache, tokens));
            }
        }

        private TechniqueContext techniqueContext() {
            return TechniqueContext.of(request.backend()).withSeed(request.seed());
        }

        /** One of several rows of a technique, the first of which names the paper. */
        private void measuredToo(TechniqueSpec spec, Map<String, Double> values) {
            listener.measured(
                    new Row(spec.toString(), spec.steps().getLast().technique().name(), "", values));
        }

        private double bitsPerByte(Transformer of) {
            double nats = 0;
            for (float[] losses : new SequenceEvaluator(ops, 1).losses(of, beginnings)) {
                for (float loss : losses) {
                    nats += loss;
                }
            }
            return nats / Math.log(2) / beginnings.bytes();
        }

        /** Bits of a byte of the long text up to each power of two. */
        private void readOn(TechniqueSpec spec, Transformer changed) {
            Tokenizer tokenizer = request.model().tokenizer();
            int[] tokens = longText.documents().getFirst().tokens();
            float[] losses = new SequenceEvaluator(ops, LONG_TEXT_PASS).losses(changed, longText)[0];
            double nats = 0;
            long bytes = 0;
            for (int i = 0; i < tokens.length; i++) {
                nats += losses[i];
                bytes += tokenizer.bytesOf(tokens[i]).length;
                int read = i + 1;
                if (read >= FIRST_READ && Integer.bitCount(read) == 1) {
                    measuredToo(spec, Map.of("tokens", (double) read, "bits", nats / Math.log(2) / bytes));
                }
            }
        }

        /** Of a sequence that fills the context; random tokens, read as any others, so that what evicts has attention to see. */
        private long bytes(Transformer of) {
            int[] ids = new SplittableRandom(request.seed())
                    .ints(trained, 0, model.config().vocabularySize())
                    .toArray();
            try (Sequence sequence = of.newSequence()) {
                sequence.reserve(ids.length);
                of.read(ops, sequence, ids);
                return sequence.bytes();
            }
        }

        private static void memory(Map<String, Double> values, int tokens, double held, double full) {
            values.put("held", held);
            values.put("each", held / tokens);
            values.put("share", held / full);
        }

        private Map<String, Double> ofLargeModel(TechniqueSpec cache, int tokens) {
            Transformer full = largeByContext.get(tokens);
            Transformer changed = cache.apply(full, techniqueContext());
            Map<String, Double> values = new HashMap<>();
            values.put("tokens", (double) tokens);
            memory(
                    values,
                    tokens,
                    largeModel.bytes(changed, tokens),
                    fullLargeBytes.computeIfAbsent(tokens, length -> largeModel.bytes(full, length)));
            values.put("decode", largeModel.decodeRatio(ops, changed, full, tokens, extent.steps));
            Optional<TechniqueSpec> limited = limited(cache);
            values.put("sequences", (double) largeModel.sequencesThatFit(
                    limited.isPresent() ? limited.get().apply(full, techniqueContext()) : changed,
                    files.stream().mapToInt(file -> file.length).toArray(),
                    limited.isPresent(),
                    (long) extent.megabytes << 20));
            return values;
        }

        /** The technique with the limit as its own, if it knows of one. */
        private Optional<TechniqueSpec> limited(TechniqueSpec cache) {
            String text = cache.toString();
            try {
                return Optional.of(TechniqueSpec.parse(
                        text + (text.contains(":") ? "," : ":") + "limit=" + extent.megabytes + "m"));
            } catch (OptionException e) {
                return Optional.empty();
            }
        }
    }
}
