package parsimony.benchmarks.suite;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import parsimony.benchmarks.result.Result.Chart;
import parsimony.benchmarks.result.Result.Column;
import parsimony.benchmarks.result.Result.Kind;
import parsimony.benchmarks.result.Result.Row;
import parsimony.benchmarks.result.Unit;
import parsimony.benchmarks.text.Calibration;
import parsimony.benchmarks.text.JavaText;
import parsimony.core.autograd.Ops;
import parsimony.core.model.AutoregressiveDecoding;
import parsimony.core.model.DecodingStrategy;
import parsimony.core.model.DecodingStrategy.Generation;
import parsimony.core.model.DecodingStrategy.Origin;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.Sampler;
import parsimony.core.model.Transformer;
import parsimony.core.technique.Survey;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueException;
import parsimony.core.technique.TechniqueSpec;
import parsimony.core.text.Tokenizer;

/** How much sooner the same text is written, and why: what is accepted, what drafting and checking cost. */
final class SpeculativeSuite implements Suite {
    private static final int PROMPT_TOKENS = 256;
    private static final int PROMPTS = 12;
    private static final int QUICK_PROMPTS = 3;
    private static final int WRITTEN_TOKENS = 128;
    private static final int QUICK_WRITTEN_TOKENS = 48;
    private static final int PLACES = 64;
    private static final int QUICK_PLACES = 8;
    /** Tokens that are checked at most at a place of real text. */
    private static final int FORCED_TOKENS = 9;

    private static final int CALIBRATION_WINDOWS = 64;
    private static final int QUICK_CALIBRATION_WINDOWS = 16;
    private static final int CALIBRATION_TOKENS = 512;
    private static final double TEMPERATURE = 0.7;

    @Override
    public Technique.Suite kind() {
        return Technique.Suite.SPECULATIVE;
    }

    @Override
    public String title() {
        return "The same text, sooner";
    }

    @Override
    public List<String> protocol(Request request) {
        return List.of(
                "Completing: %d beginnings of files of commons-lang3 and commons-collections4, %d tokens each, to be gone on with for %d tokens, the likeliest token always. Editing: the prompt holds a piece of such a file and begins to repeat it."
                        .formatted(prompts(request), promptTokens(request), writtenTokens(request)),
                "Speed: tokens a second after the prompt, as a multiple of one token a pass, measured in turn on the same prompts. Accepted: of the tokens that were judged, proposals behind a rejected one left out; on real text: the same where the text before is the file's own and not the model's. Draft and check: the time for one drafted token, and for one pass over all of a proposal, in passes over a single token.",
                "Formula: what Leviathan et al.'s (1 − α^(γ+1)) / ((1 − α) (γ c + v)) gives for a chain of as many tokens with this acceptance and these costs; trees, and chains of changing length, do not follow it. Break-even: the acceptance from which on such a chain is faster than one token a pass.",
                "Same: texts that are those of one token a pass. A way of writing that is not lossless has a row at temperature %.1f too: bits is how much more surprising the model finds what was written there than what it draws itself."
                        .formatted(TEMPERATURE),
                "1B (left out with --quick): passes of a model of Llama-3.2-1B's shape in 4 bits with random weights, as long as those of the draft's chains above and accepting what those accepted; c is what a drafted token is charged, in passes over one.");
    }

    private static int prompts(Request request) {
        return request.quick() ? QUICK_PROMPTS : PROMPTS;
    }

    private static int promptTokens(Request request) {
        return Math.min(PROMPT_TOKENS, context(request) / 4);
    }

    private static int writtenTokens(Request request) {
        return Math.min(request.quick() ? QUICK_WRITTEN_TOKENS : WRITTEN_TOKENS, context(request) / 4);
    }

    private static int context(Request request) {
        return request.model().transformer().config().contextLength();
    }

    @Override
    public List<Column> columns() {
        return List.of(
                new Column("speed", "speed", "Speed", "as a multiple of one token a pass", Unit.TIMES, true),
                new Column(
                        "formula", "formula", "Formula", "speed that acceptance and costs predict", Unit.TIMES, true),
                new Column("perPass", "a pass", "Tokens a pass", "of the model", Unit.FINE, true),
                new Column("drafted", "drafted", "Drafted", "tokens proposed a pass", Unit.FINE, true),
                new Column("acceptance", "accepted", "Accepted", "of the tokens judged", Unit.SHARE, true),
                new Column("forced", "on real", "On real text", "tokens accepted of those judged", Unit.SHARE, true),
                new Column("draft", "draft", "Draft", "time of a drafted token, in passes over one", Unit.FINE, false),
                new Column("check", "check", "Check", "time of a pass, in passes over one token", Unit.FINE, false),
                new Column("even", "even", "Break-even", "acceptance that makes up for the costs", Unit.SHARE, false),
                new Column("same", "same", "Same", "share of the texts", Unit.SHARE, true),
                new Column("bits", "bits", "Bits", "change in what is written", Unit.SHARE, false));
    }

    @Override
    public List<Chart> charts() {
        return List.of(
                new Chart(
                        "Speed against acceptance", "Up is better.", "acceptance", "speed", false, false, Kind.POINTS),
                new Chart(
                        "Speed against tokens a pass",
                        "Up is better. More tokens a pass pay only if a pass over more rows costs little more.",
                        "perPass",
                        "speed",
                        false,
                        false,
                        Kind.POINTS),
                new Chart(
                        "Speed against what is drafted",
                        "Tokens proposed a pass. Up is better.",
                        "drafted",
                        "speed",
                        false,
                        false,
                        Kind.POINTS),
                new Chart(
                        "Speed and its prediction",
                        "Where the formula holds, points lie on the diagonal.",
                        "formula",
                        "speed",
                        false,
                        false,
                        Kind.POINTS));
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
        private final List<int[]> completing;
        private final List<int[]> editing;
        private final List<int[]> places;
        private final TechniqueContext context;

        Run(Request request, Listener listener) throws IOException {
            this.request = request;
            this.listener = listener;
            ops = new Ops(request.backend());
            model = request.model().transformer();
            Tokenizer tokenizer = request.model().tokenizer();
            List<int[]> files = files(tokenizer);
            SplittableRandom random = new SplittableRandom(request.seed());
            int length = promptTokens(request);
            completing = files.stream()
                    .map(file -> Arrays.copyOf(file, length))
                    .limit(prompts(request))
                    .toList();
            editing = files.stream()
                    .map(file -> edit(file, length, random))
                    .limit(prompts(request))
                    .toList();
            places = random.ints(request.quick() ? QUICK_PLACES : PLACES, 0, files.size())
                    .mapToObj(files::get)
                    .map(file -> Arrays.copyOf(file, length / 2 + random.nextInt(length)))
                    .toList();
            context = TechniqueContext.of(request.backend())
                    .withSeed(request.seed())
                    .withCalibration(Calibration.windows(
                            JavaText.calibration(),
                            tokenizer,
                            request.quick() ? QUICK_CALIBRATION_WINDOWS : CALIBRATION_WINDOWS,
                            Math.min(CALIBRATION_TOKENS, model.config().contextLength()),
                            request.seed()));
        }

        /** Files that are long enough for everything, drawn by the seed. */
        private List<int[]> files(Tokenizer tokenizer) throws IOException {
            return JavaText.drawn(JavaText.heldOut(), request.seed()).stream()
                    .map(file -> tokenizer.encode(file.text(), true))
                    .filter(tokens -> tokens.length >= 3 * promptTokens(request))
                    .limit(4L * prompts(request))
                    .toList();
        }

        /** The beginning of text, a piece of a file, and the piece's first eighth once more. */
        private static int[] edit(int[] file, int length, SplittableRandom random) {
            int first = 1 + random.nextInt(length);
            int[] piece = Arrays.copyOfRange(file, first, first + length);
            return Stream.of(new int[] {file[0]}, piece, Arrays.copyOf(piece, length / 8))
                    .flatMapToInt(Arrays::stream)
                    .toArray();
        }

        void run() throws IOException {
            List<Passes> recorded = new ArrayList<>();
            for (TechniqueSpec spec : request.techniques()) {
                try {
                    measure(spec, recorded);
                } catch (TechniqueException e) {
                    listener.failed(spec, e.getMessage());
                }
            }
            if (!request.quick()) {
                new ReplayedAcceptance(request, listener).run(recorded);
            }
        }

        private void measure(TechniqueSpec spec, List<Passes> recorded) {
            Technique<?> last = spec.steps().getLast().technique();
            String paper = Survey.title(last);
            listener.doing(spec + ": preparing");
            Transformer writer = spec.apply(model, context);
            DecodingStrategy strategy = writer.decoding();
            Transformer plain = writer.withDecoding(new AutoregressiveDecoding());
            listener.doing(spec + ": completing");
            Passes passes = new Passes(spec.toString(), paper);
            Map<String, Double> values = compare(writer, plain, strategy, completing, 0, passes);
            values.putAll(forced(writer, strategy));
            listener.measured(new Row(spec.toString(), last.name(), paper, values));
            recorded.add(passes);
            listener.doing(spec + ": editing");
            listener.measured(new Row(
                    "editing: " + spec,
                    last.name(),
                    paper,
                    compare(writer, plain, strategy, editing, 0, new Passes("", ""))));
            if (!strategy.isLossless()) {
                listener.doing(spec + ": at temperature " + TEMPERATURE);
                listener.measured(new Row(
                        "drawing: " + spec,
                        last.name(),
                        paper,
                        compare(writer, plain, strategy, completing, TEMPERATURE, new Passes("", ""))));
            }
        }

        private Map<String, Double> compare(
                Transformer writer,
                Transformer plain,
                DecodingStrategy strategy,
                List<int[]> prompts,
                double temperature,
                Passes passes) {
            Totals ours = new Totals();
            Totals plains = new Totals();
            int same = 0;
            double bits = 0;
            double plainBits = 0;
            write(prompts.getFirst(), temperature, writer, strategy, new Totals(), new Passes("", ""));
            for (int i = 0; i < prompts.size(); i++) {
                int[] prompt = prompts.get(i);
                int[] text;
                int[] plainText;
                if (i % 2 == 0) {
                    text = write(prompt, temperature, writer, strategy, ours, passes);
                    plainText = write(prompt, temperature, plain, plain.decoding(), plains, new Passes("", ""));
                } else {
                    plainText = write(prompt, temperature, plain, plain.decoding(), plains, new Passes("", ""));
                    text = write(prompt, temperature, writer, strategy, ours, passes);
                }
                same += Arrays.equals(text, plainText) ? 1 : 0;
                if (temperature > 0) {
                    bits += nats(plain, prompt, text) / bytes(text);
                    plainBits += nats(plain, prompt, plainText) / bytes(plainText);
                }
            }
            Map<String, Double> values = new HashMap<>(ours.against(plains));
            if (temperature > 0) {
                values.put("bits", bits / plainBits - 1);
            } else {
                values.put("same", same / (double) prompts.size());
            }
            return values;
        }

        private int[] write(
                int[] prompt,
                double temperature,
                Transformer writer,
                DecodingStrategy strategy,
                Totals totals,
                Passes passes) {
            DecodingStrategy.Request wanted = new DecodingStrategy.Request(
                    prompt,
                    writtenTokens(request),
                    Set.of(model.config().endOfSequence()),
                    new Sampler(temperature, 0, 1, request.seed()));
            Generation generation = strategy.generate(writer, ops, wanted, passes.new Heard());
            totals.add(generation, passes);
            return generation.tokens();
        }

        /** What the model makes of a text after a prompt, in nats. */
        private double nats(Transformer judge, int[] prompt, int[] text) {
            int[] all =
                    IntStream.concat(Arrays.stream(prompt), Arrays.stream(text)).toArray();
            int[] inputs = Arrays.copyOf(all, all.length - 1);
            int[] targets = Arrays.copyOfRange(all, 1, all.length);
            Arrays.fill(targets, 0, prompt.length - 1, -1);
            return ops.crossEntropy(judge.forward(ForwardContext.batch(ops, inputs, inputs.length)), targets, 0)
                    * text.length;
        }

        private double bytes(int[] text) {
            return Arrays.stream(text)
                    .map(token -> request.model().tokenizer().bytesOf(token).length)
                    .sum();
        }

        /** What is accepted at places of real text: of the first proposal there. */
        private Map<String, Double> forced(Transformer writer, DecodingStrategy strategy) {
            int accepted = 0;
            int judged = 0;
            for (int[] place : places) {
                listener.doing("real text");
                Passes first = new Passes("", "");
                DecodingStrategy.Request wanted =
                        new DecodingStrategy.Request(place, FORCED_TOKENS, Set.of(), Sampler.greedy());
                strategy.generate(writer, ops, wanted, first.new Heard());
                if (!first.accepted.isEmpty()) {
                    accepted += first.accepted.getFirst();
                    judged += first.accepted.getFirst() + (first.rejected.getFirst() ? 1 : 0);
                }
            }
            return judged == 0 ? Map.of() : Map.of("forced", accepted / (double) judged);
        }
    }

    /** What was accepted, pass by pass; passes without a proposal are left out. */
    static final class Passes {
        final String name;
        final String paper;
        final List<Integer> accepted = new ArrayList<>();
        final List<Boolean> rejected = new ArrayList<>();

        Passes(String name, String paper) {
            this.name = name;
            this.paper = paper;
        }

        int judged() {
            return accepted.stream().mapToInt(count -> count).sum()
                    + (int) rejected.stream().filter(was -> was).count();
        }

        /** Hears of one text. */
        final class Heard implements DecodingStrategy.Listener {
            private int run;
            private boolean wasRejected;

            @Override
            public void token(int token, Origin origin) {
                if (origin == Origin.DRAFT) {
                    run++;
                } else if (run > 0 || wasRejected) {
                    accepted.add(run);
                    rejected.add(wasRejected);
                    run = 0;
                    wasRejected = false;
                }
            }

            @Override
            public void rejected(int token) {
                wasRejected = true;
            }
        }
    }

    /** Sums over texts. */
    private static final class Totals {
        private long tokens;
        private long passes;
        private long proposed;
        private long accepted;
        private long nanos;
        private long draftNanos;
        private int judged;

        void add(Generation generation, Passes heard) {
            tokens += generation.tokens().length;
            passes += generation.modelPasses();
            proposed += generation.proposed();
            accepted += generation.accepted();
            nanos += generation.decodeNanos();
            draftNanos += generation.draftNanos();
            judged = heard.judged();
        }

        Map<String, Double> against(Totals plain) {
            double single = plain.nanos / (double) plain.passes;
            double drafted = proposed / (double) passes;
            double check = (nanos - draftNanos) / (double) passes / single;
            Map<String, Double> values = new HashMap<>();
            values.put("speed", single * tokens / nanos);
            values.put("perPass", tokens / (double) passes);
            values.put("drafted", drafted);
            values.put("check", check);
            if (proposed > 0) {
                double draft = draftNanos / (double) proposed / single;
                double acceptance = judged == 0 ? 0 : accepted / (double) judged;
                values.put("draft", draft);
                values.put("acceptance", acceptance);
                values.put("formula", expected(acceptance, drafted) / (drafted * draft + check));
                values.put("even", breakEven(drafted, drafted * draft + check));
            }
            return values;
        }
    }

    /** Tokens that a pass gives over a chain of {@code drafted} tokens: Leviathan et al., 2023, Eq. 1. */
    static double expected(double acceptance, double drafted) {
        return acceptance >= 1 ? drafted + 1 : (1 - Math.pow(acceptance, drafted + 1)) / (1 - acceptance);
    }

    /** The acceptance at which a pass gives as many tokens as it costs; NaN if it never does. */
    static double breakEven(double drafted, double cost) {
        if (cost > drafted + 1) {
            return Double.NaN;
        }
        double low = 0;
        double high = 1;
        for (int i = 0; i < 50; i++) {
            double middle = (low + high) / 2;
            if (expected(middle, drafted) < cost) {
                low = middle;
            } else {
                high = middle;
            }
        }
        return high;
    }
}
