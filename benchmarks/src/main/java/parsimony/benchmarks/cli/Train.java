package parsimony.benchmarks.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import parsimony.benchmarks.report.LossPage;
import parsimony.benchmarks.text.JavaText;
import parsimony.core.backend.Backend;
import parsimony.core.io.LanguageModel;
import parsimony.core.model.Transformer;
import parsimony.core.tensor.DataType;
import parsimony.core.text.BpeTrainer;
import parsimony.core.text.Corpus;
import parsimony.core.text.TokenFile;
import parsimony.core.text.Tokenizer;
import parsimony.core.train.LossCurve;
import parsimony.core.train.Recipe;
import parsimony.core.train.Trainer;
import parsimony.core.train.TrainingRun;
import parsimony.core.train.ValidationCurve;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
        name = "train",
        description = {
            "Train an embedded model, or the tokenizer of both, from nothing on the sources of Apache-licensed Java libraries;",
            "or go on training a model that is there, such as a pruned one.",
            "Stopped at any moment, the same command goes on and ends with the same weights."
        },
        footer = {
            "",
            "Examples:",
            "  parsimony train --recipe java-tokenizer --output runs/tokenizer",
            "  parsimony train --recipe java-6m --output runs/java-6m",
            "  parsimony compress --apply llm-pruner:ratio=0.2 --output pruned",
            "  parsimony train --from pruned --recipe java-recovery --output runs/recovered"
        })
final class Train implements Callable<Integer> {
    private static final int CHECKPOINT_STEPS = 50;
    private static final int STEPS_PER_LINE = 50;

    @Mixin
    private CommonOptions common;

    @Option(
            names = "--recipe",
            required = true,
            paramLabel = "NAME",
            description = "java-6m, java-1m, java-recovery (with --from), java-tokenizer, or a JSON file like theirs.")
    private String recipeName;

    @Option(
            names = "--from",
            paramLabel = "MODEL",
            description =
                    "A model to start from in place of random weights; its shape and its tokenizer take the place of the recipe's.")
    private Path from;

    @Option(
            names = "--output",
            required = true,
            paramLabel = "FOLDER",
            description = "Where checkpoint, loss curve and the finished model go.")
    private Path output;

    @Option(
            names = "--corpus",
            paramLabel = "FOLDER",
            description = "Source jars to train on (default: those that the launcher fetches).")
    private Path corpusFolder;

    @Option(
            names = "--tokenizer",
            paramLabel = "FILE",
            description = "A tokenizer.json (default: that of the embedded models).")
    private Path tokenizer;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        Recipe recipe = Recipe.of(recipeName);
        OutputFile.makeFolder(spec, "--output", output);
        if (recipe.training() == null) {
            trainTokenizer(recipe);
        } else {
            trainModel(recipe);
        }
        return 0;
    }

    private void trainTokenizer(Recipe recipe) throws IOException {
        BpeTrainer trainer = new BpeTrainer();
        for (Corpus.Document document : corpus(recipe).documents()) {
            trainer.add(document.text());
        }
        trainer.train(recipe.vocabularySize()).write(output);
        say("written: " + output.resolve("tokenizer.json"));
    }

    private void trainModel(Recipe recipe) throws IOException {
        LanguageModel start = start(recipe);
        Transformer model = start.transformer();
        Tokenizer cutter = start.tokenizer();
        Path tokens = output.resolve("corpus.tokens");
        if (!Files.exists(tokens)) {
            Corpus corpus = corpus(recipe);
            say("encoding " + corpus);
            TokenFile.build(corpus, cutter, tokens, recipe.seed());
        }
        try (TokenFile data = TokenFile.open(tokens);
                Backend backend = common.createBackend()) {
            if (data.vocabularySize() > model.config().vocabularySize()) {
                throw new IOException(tokens + " holds " + data.vocabularySize()
                        + " different tokens, more than the model's vocabulary; remove it to encode the corpus anew");
            }
            TrainingRun run = new TrainingRun(
                    new Trainer(model, data::read, backend, recipe.training()), output, CHECKPOINT_STEPS);
            int done = run.step();
            say((done == 0 ? "training " : "going on after step " + done + " with ")
                    + model.config().parameters() + " parameters on " + data.tokens() + " tokens");
            Progress progress = new Progress(recipe, run.curve(), done);
            run.run(progress);
            progress.end();
        }
        Path finished = output.resolve("model");
        new LanguageModel(start.name(), model, cutter).saveHuggingFace(finished, DataType.BF16);
        say("written: " + finished);
    }

    private LanguageModel start(Recipe recipe) throws IOException {
        if (from != null) {
            LanguageModel opened = LanguageModel.open(from, tokenizer);
            return new LanguageModel(opened.name(), opened.transformer().trainable(), opened.tokenizer());
        }
        if (recipe.model() == null) {
            throw new ParameterException(
                    spec.commandLine(),
                    "the recipe " + recipeName + " has no model: name one to start from with --from");
        }
        Tokenizer cutter =
                tokenizer == null ? LanguageModel.embeddedTokenizer() : LanguageModel.openTokenizer(tokenizer);
        return new LanguageModel(modelName(), Transformer.random(recipe.model(), recipe.seed()), cutter);
    }

    /** The recipe's name, also where it is a file. */
    private String modelName() {
        return Path.of(recipeName).getFileName().toString().replaceFirst("\\.json$", "");
    }

    private Corpus corpus(Recipe recipe) throws IOException {
        Path folder = corpusFolder != null
                ? corpusFolder
                : Path.of(System.getProperty("parsimony.home", "."), "benchmarks", "target", "corpus");
        List<Path> jars = List.of();
        if (Files.isDirectory(folder)) {
            try (Stream<Path> files = Files.list(folder)) {
                jars = files.filter(file -> file.toString().endsWith(".jar")).toList();
            }
        }
        if (jars.isEmpty()) {
            throw new IOException(
                    "there are no source jars in " + folder
                            + "; fetch them with ./mvnw -q -pl benchmarks -Pcorpus dependency:copy@corpus, or name a folder with --corpus");
        }
        Corpus.Separation separation = Corpus.read(jars).dropOverlapping(JavaText.heldOut(), recipe.overlapThreshold());
        say("corpus: " + separation.kept() + "; " + separation.dropped().size()
                + " files left out because they share text with the held-out libraries");
        return separation.kept();
    }

    private void say(String sentence) {
        spec.commandLine().getErr().println(sentence);
        spec.commandLine().getErr().flush();
    }

    /** Loss, speed and time left: one line that is written over on a terminal, a line now and then in a file. */
    private final class Progress implements TrainingRun.Listener {
        private final Recipe recipe;
        private final LossCurve curve;
        private final PrintWriter err = spec.commandLine().getErr();
        private final StatusLine status = new StatusLine(err, Terminal.showsErrors());
        private final int firstStep;
        private final long started = System.nanoTime();

        Progress(Recipe recipe, LossCurve curve, int firstStep) {
            this.recipe = recipe;
            this.curve = curve;
            this.firstStep = firstStep;
        }

        @Override
        public void stepped(Trainer.Report report) {
            double secondsPerStep = (System.nanoTime() - started) / 1e9 / (report.step() - firstStep);
            long left = Math.round((recipe.training().steps() - report.step()) * secondsPerStep);
            String line = String.format(
                    Locale.ROOT,
                    "step %d of %d, loss %.3f, gradient %.2f, rate %.1e, %.0f tokens/s, %d:%02d:%02d left",
                    report.step(),
                    recipe.training().steps(),
                    curve.smoothed().getLast(),
                    report.gradientNorm(),
                    report.learningRate(),
                    recipe.training().tokensPerStep() / secondsPerStep,
                    left / 3600,
                    left / 60 % 60,
                    left % 60);
            status.show(line);
            if (!Terminal.showsErrors() && report.step() % STEPS_PER_LINE == 0) {
                say(line);
            }
        }

        @Override
        public void saved() throws IOException {
            LossPage.write(modelName(), curve, ValidationCurve.none(), recipe.training(), output.resolve("loss.html"));
        }

        void end() {
            status.clear();
        }
    }
}
