package parsimony.benchmarks.suite;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import parsimony.benchmarks.text.Calibration;
import parsimony.benchmarks.text.JavaText;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.Backend;
import parsimony.core.backend.Backends;
import parsimony.core.io.LanguageModel;
import parsimony.core.model.AutoregressiveDecoding;
import parsimony.core.model.DecodingStrategy;
import parsimony.core.model.DecodingStrategy.Request;
import parsimony.core.model.Sampler;
import parsimony.core.model.Transformer;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueSpec;
import parsimony.core.text.Corpus;

/** Lossless means lossless: the embedded model, whatever its weights and caches are, writes the same text in every way. */
@Tag("slow")
class SpeculativeQualityTest {
    private static final int PROMPTS = 200;
    /** Attention adds up a branch's keys in another order than those of a chain: its last bit may decide how an input is rounded to 8 bits, and that which of two equally likely tokens is taken. */
    private static final Set<String> TREES = Set.of("spec-infer:branches=3/2/1", "medusa:nodes=12,epochs=1");

    private static final Backend BACKEND =
            Backends.create("vector", Runtime.getRuntime().availableProcessors());
    private static Transformer model;
    private static List<int[]> calibration;
    private static final List<int[]> prompts = new ArrayList<>();

    @BeforeAll
    static void read() throws IOException {
        LanguageModel opened = LanguageModel.embedded(LanguageModel.Embedded.TARGET);
        model = opened.transformer();
        calibration = Calibration.windows(JavaText.calibration(), opened.tokenizer(), 16, 256, 1);
        SplittableRandom random = new SplittableRandom(2);
        List<Corpus.Document> documents = JavaText.heldOut().documents();
        while (prompts.size() < PROMPTS) {
            int[] tokens = opened.tokenizer()
                    .encode(documents.get(random.nextInt(documents.size())).text(), true);
            prompts.add(Arrays.copyOf(tokens, Math.min(tokens.length, 1 + random.nextInt(150))));
        }
    }

    @AfterAll
    static void close() {
        BACKEND.close();
    }

    private static int[][] texts(Transformer writer, DecodingStrategy strategy) {
        Ops ops = new Ops(BACKEND);
        SplittableRandom random = new SplittableRandom(3);
        return prompts.stream()
                .map(prompt -> {
                    Request request = new Request(prompt, 1 + random.nextInt(40), Set.of(), Sampler.greedy());
                    return strategy.generate(writer, ops, request, (token, origin) -> {})
                            .tokens();
                })
                .toArray(int[][]::new);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "full",
                "paged:blockSize=16",
                "rtn:bits=4,group=32,symmetric=true",
                "gptq:bits=3,group=32",
                "rtn:bits=8,group=32",
                "quantized:bits=8,residual=32"
            })
    void greedyTextIsTheOneOfOneTokenAPass(String before) {
        TechniqueContext context = TechniqueContext.of(BACKEND).withCalibration(calibration);
        Transformer prepared = TechniqueSpec.parse(before).apply(model, context);
        int[][] plain = texts(prepared, new AutoregressiveDecoding());
        for (String strategy : List.of(
                "speculative",
                "speculative:tokens=11",
                "prompt-lookup",
                "jacobi",
                "lookahead",
                "spec-infer:branches=3/2/1",
                "medusa:nodes=12,epochs=1")) {
            Transformer writer = TechniqueSpec.parse(strategy).apply(prepared, context);
            int[][] texts = texts(writer, writer.decoding());
            assertThat(IntStream.range(0, texts.length).filter(i -> !Arrays.equals(texts[i], plain[i])))
                    .as(before + "+" + strategy)
                    .hasSizeLessThanOrEqualTo(TREES.contains(strategy) ? PROMPTS / 100 : 0);
        }
    }
}
