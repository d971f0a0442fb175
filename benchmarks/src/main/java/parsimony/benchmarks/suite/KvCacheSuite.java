package parsimony.benchmarks.suite;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import parsimony.benchmarks.compare.JavaText;
import parsimony.benchmarks.suite.SuiteResult.Chart;
import parsimony.benchmarks.suite.SuiteResult.Column;
import parsimony.benchmarks.suite.SuiteResult.Row;
import parsimony.benchmarks.suite.SuiteResult.Unit;
import parsimony.core.autograd.Ops;
import parsimony.core.eval.HeldOutText;
import parsimony.core.eval.SequenceEvaluator;
import parsimony.core.eval.Speed;
import parsimony.core.model.Sequence;
import parsimony.core.model.Transformer;
import parsimony.core.technique.Survey;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueException;
import parsimony.core.technique.TechniqueSpec;
import parsimony.core.text.Corpus;

/** What a smaller cache of keys and values loses, and what it saves, over the length of the text. */
final class KvCacheSuite implements Suite {
    private static final int DOCUMENTS = 12;
    private static final int QUICK_DOCUMENTS = 3;
    private static final int[] LENGTHS = {512, 2048, 8192};
    private static final int[] QUICK_LENGTHS = {512};

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
        return List.of(
                "Quality: the beginnings of %d files of commons-lang3 and commons-collections4, as long as the model's context of %d tokens, read token by token through the cache; loss is the change in bits from the cache that keeps everything. Shares of a budget are of the context."
                        .formatted(documents(request), context(request)),
                "Speed and memory: random tokens; decode is the speed of writing after a text of that length, as a multiple of the full cache's, measured in turn with it, and held are the bytes of the sequence's caches at its end.");
    }

    private static int documents(Request request) {
        return request.quick() ? QUICK_DOCUMENTS : DOCUMENTS;
    }

    private static int context(Request request) {
        return request.model().transformer().config().contextLength();
    }

    @Override
    public List<Column> columns() {
        return List.of(
                new Column("tokens", "tokens", "Tokens", "of the text", Unit.COUNT, true),
                new Column("bits", "bits", "Bits a token", "of held-out text", Unit.FINE, false),
                new Column("loss", "loss", "Loss", "in bits, against the full cache", Unit.SHARE, false),
                new Column("held", "held", "Held", "bytes of the sequence's caches", Unit.BYTES, false),
                new Column("share", "of full", "Of full", "bytes as a share of the full cache's", Unit.SHARE, false),
                new Column("decode", "decode", "Decode", "speed as a multiple of the full cache's", Unit.TIMES, true));
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
                        false),
                new Chart("Memory over the length", "Down is better.", "tokens", "held", true, true, true),
                new Chart(
                        "Decode speed over the length",
                        "Against the full cache. Up is better.",
                        "tokens",
                        "decode",
                        true,
                        false,
                        true));
    }

    @Override
    public void run(Request request, Listener listener) throws IOException {
        new Run(request, listener).run();
    }

    /** One run. */
    private static final class Run {
        private final Request request;
        private final Listener listener;
        private final Ops ops;
        private final Transformer model;
        private final HeldOutText text;
        private double fullBits;

        Run(Request request, Listener listener) throws IOException {
            this.request = request;
            this.listener = listener;
            ops = new Ops(request.backend());
            model = request.model().transformer();
            text = beginnings();
        }

        /** Files that are long enough, drawn by the seed, each cut at the context. */
        private HeldOutText beginnings() throws IOException {
            List<Corpus.Document> rest = new ArrayList<>(JavaText.heldOut().documents());
            SplittableRandom random = new SplittableRandom(request.seed());
            List<HeldOutText.Document> chosen = new ArrayList<>();
            int length = context(request) - 1;
            while (chosen.size() < documents(request) && !rest.isEmpty()) {
                Corpus.Document document = rest.remove(random.nextInt(rest.size()));
                int[] tokens = request.model().tokenizer().encode(document.text(), false);
                if (tokens.length >= length) {
                    chosen.add(new HeldOutText.Document(Arrays.copyOf(tokens, length), 0));
                }
            }
            return new HeldOutText("", chosen);
        }

        void run() {
            listener.doing("the full cache");
            fullBits = bits(model);
            for (TechniqueSpec spec : request.techniques()) {
                try {
                    measure(spec);
                } catch (TechniqueException e) {
                    listener.failed(spec, e.getMessage());
                }
            }
        }

        private void measure(TechniqueSpec spec) {
            Technique<?> last = spec.steps().getLast().technique();
            Transformer changed =
                    spec.apply(model, TechniqueContext.of(request.backend()).withSeed(request.seed()));
            listener.doing(spec + ": quality");
            Map<String, Double> quality = new HashMap<>();
            quality.put("tokens", (double) context(request));
            quality.put("bits", bits(changed));
            quality.put("loss", quality.get("bits") / fullBits - 1);
            memory(changed, context(request), quality);
            listener.measured(new Row(spec.toString(), last.name(), Survey.title(last), quality));
            for (int tokens : request.quick() ? QUICK_LENGTHS : LENGTHS) {
                listener.doing(spec + ": speed at " + tokens + " tokens");
                Map<String, Double> speed = new HashMap<>();
                speed.put("tokens", (double) tokens);
                memory(changed, tokens, speed);
                Speed.Options options =
                        new Speed.Options(tokens, 16, Duration.ZERO, request.quick() ? 3 : 5, request.seed());
                speed.put("decode", Speed.compare(ops, changed, model, options).decodeRatio());
                listener.measured(new Row(spec.toString(), last.name(), Survey.title(last), speed));
            }
        }

        private double bits(Transformer of) {
            double nats = 0;
            long tokens = 0;
            for (float[] losses : new SequenceEvaluator(ops, 1).losses(of, text)) {
                for (float loss : losses) {
                    nats += loss;
                }
                tokens += losses.length;
            }
            return nats / Math.log(2) / tokens;
        }

        private void memory(Transformer of, int tokens, Map<String, Double> values) {
            double held = bytes(of, tokens);
            values.put("held", held);
            values.put("share", held / bytes(model, tokens));
        }

        private long bytes(Transformer of, int tokens) {
            int[] ids = new SplittableRandom(request.seed())
                    .ints(tokens, 0, model.config().vocabularySize())
                    .toArray();
            try (Sequence sequence = of.newSequence()) {
                sequence.reserve(tokens);
                of.read(ops, sequence, ids);
                return sequence.bytes();
            }
        }
    }
}
