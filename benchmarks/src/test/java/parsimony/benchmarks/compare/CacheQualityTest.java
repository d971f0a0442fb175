package parsimony.benchmarks.compare;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.Backend;
import parsimony.core.backend.Backends;
import parsimony.core.eval.HeldOutText;
import parsimony.core.eval.SequenceEvaluator;
import parsimony.core.io.LanguageModel;
import parsimony.core.model.Transformer;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueSpec;
import parsimony.core.text.Corpus;

/** What a smaller cache loses, on the embedded model and text that no model was trained on. */
@Tag("slow")
class CacheQualityTest {
    /** The embedded model's context, the token that begins a text included. */
    private static final int CONTEXT = 1024;

    private static final Backend BACKEND =
            Backends.create("vector", Runtime.getRuntime().availableProcessors());
    private static LanguageModel model;
    private static List<int[]> files;

    @BeforeAll
    static void read() throws IOException {
        model = LanguageModel.embedded(LanguageModel.Embedded.TARGET);
        files = new ArrayList<>();
        for (Corpus.Document document :
                JavaText.sample(JavaText.heldOut(), 1_500_000, 1).documents()) {
            files.add(model.tokenizer().encode(document.text(), false));
        }
    }

    @AfterAll
    static void close() {
        BACKEND.close();
    }

    private static float[][] losses(String spec, HeldOutText text, int tokensPerPass) {
        Transformer cached = TechniqueSpec.parse(spec).apply(model.transformer(), TechniqueContext.of(BACKEND));
        return new SequenceEvaluator(new Ops(BACKEND), tokensPerPass).losses(cached, text);
    }

    private static double bitsPerToken(float[][] losses) {
        double sum = 0;
        int count = 0;
        for (float[] document : losses) {
            for (float loss : document) {
                sum += loss;
            }
            count += document.length;
        }
        return sum / Math.log(2) / count;
    }

    /** The beginnings of files, which fill the context. */
    private static HeldOutText beginnings() {
        return new HeldOutText(
                "beginnings",
                files.stream()
                        .filter(tokens -> tokens.length >= CONTEXT)
                        .limit(12)
                        .map(tokens -> new HeldOutText.Document(Arrays.copyOf(tokens, CONTEXT), 1))
                        .toList());
    }

    @Test
    void heavyHittersAreWorthMoreThanNeighbours() {
        HeldOutText text = beginnings();
        double full = bitsPerToken(losses("full", text, 1));
        System.out.printf("RESULT full %.4f bits a token%n", full);
        for (double budget : new double[] {0.1, 0.2, 0.5}) {
            int entries = (int) (budget * CONTEXT);
            double h2o =
                    bitsPerToken(losses("h2o:heavy=" + entries / 2 + ",recent=" + entries / 2, text, 1)) / full - 1;
            System.out.printf("RESULT budget %s h2o %.4f%n", budget, h2o);
            double window = bitsPerToken(losses("window:recent=" + entries, text, 1)) / full - 1;
            System.out.printf("RESULT budget %s window %.4f%n", budget, window);
            double streaming =
                    bitsPerToken(losses("streaming-llm:room=false,recent=" + (entries - 4), text, 1)) / full - 1;
            double scissorhands = bitsPerToken(losses("scissorhands:budget=" + entries, text, 1)) / full - 1;
            System.out.printf("RESULT budget %s streaming %.4f scissorhands %.4f%n", budget, streaming, scissorhands);
            assertThat(h2o).isLessThan(window);
        }
    }

    @Test
    void fewerBitsLoseMore() {
        HeldOutText text = beginnings();
        double full = bitsPerToken(losses("full", text, 16));
        double[] lost = new double[3];
        for (int i = 0; i < 3; i++) {
            lost[i] = bitsPerToken(losses("quantized:bits=" + (8 >> i), text, 16)) / full - 1;
        }
        System.out.printf("RESULT quantized full %.4f %s%n", full, Arrays.toString(lost));
        assertThat(lost).isSorted();
    }

    @Test
    void sinksKeepAnEndlessTextReadable() {
        int length = 1 << 16;
        int[] all = files.stream().flatMapToInt(Arrays::stream).limit(length).toArray();
        assertThat(all).hasSize(length);
        HeldOutText text = new HeldOutText("endless", List.of(new HeldOutText.Document(all, 1)));
        for (String spec :
                List.of("streaming-llm:recent=508", "window:recent=512", "streaming-llm:sinks=0,recent=512")) {
            float[] losses = losses(spec, text, 16)[0];
            StringBuilder line = new StringBuilder("RESULT " + spec);
            for (int end = 512; end <= length; end *= 2) {
                line.append(String.format(" %d:%.3f", end, bitsPerToken(new float[][] {Arrays.copyOf(losses, end)})));
            }
            System.out.println(line);
        }
    }
}
