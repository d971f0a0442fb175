package parsimony.benchmarks.suite;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import parsimony.benchmarks.suite.Losses.Loss;

/** Which pruning loses less, on the embedded model and text that no model was trained on. */
@Tag("slow")
class PruningQualityTest {
    private static Losses losses;

    @BeforeAll
    static void open() throws IOException {
        losses = new Losses(50_000, 32);
    }

    @AfterAll
    static void close() {
        losses.close();
    }

    private static List<Loss> atHalf(String technique) {
        List<Loss> result = new ArrayList<>();
        for (String pattern : List.of("sparsity=0.5", "pattern=4:8", "pattern=2:4")) {
            result.add(losses.of(technique + ":" + pattern));
        }
        assertThat(result).extracting(Loss::bitsPerByte).as(technique).isSorted();
        assertThat(result).extracting(Loss::divergence).as(technique).isSorted();
        return result;
    }

    /**
     * In per cent of the dense model's bits per byte, and in nats of divergence, at 50 %, 4:8 and 2:4:
     *
     * <ul>
     * <li>magnitude 3.9, 8.4, 11.7; 0.087, 0.161, 0.230
     * <li>Wanda 4.0, 7.8, 10.7; 0.083, 0.142, 0.208; on another draw of the calibration text 4.2, 7.5, 10.8; 0.082, 0.137, 0.208
     * <li>SparseGPT 2.4; 0.056; on the other draw 2.2; 0.052
     * </ul>
     *
     * <p>So Wanda is ahead of magnitude with either pattern, and nearer to the dense model's predictions everywhere, but at 50 % it loses a little more in bits per
     * byte. That is no noise of a small text: on 300 kB it is 4.6 against 4.4 %, 1.06 ± 0.03 times as much, with divergences of 0.086 and 0.093. It was not looked into
     * further; one difference is that magnitude has one threshold for a matrix, as in the authors' code, while Wanda takes equally many weights from each output.
     */
    @Test
    void whoKnowsMoreLosesLessAndPatternsCost() {
        List<Loss> magnitude = atHalf("magnitude");
        List<Loss> wanda = atHalf("wanda");
        List<Loss> sparseGpt = atHalf("sparsegpt");
        for (int i = 0; i < magnitude.size(); i++) {
            assertThat(wanda.get(i).divergence()).isLessThan(magnitude.get(i).divergence());
            assertThat(sparseGpt.get(i).divergence()).isLessThan(wanda.get(i).divergence());
            assertThat(sparseGpt.get(i).bitsPerByte())
                    .isLessThan(Math.min(
                            wanda.get(i).bitsPerByte(), magnitude.get(i).bitsPerByte()));
        }
        for (int i = 1; i < magnitude.size(); i++) {
            assertThat(wanda.get(i).bitsPerByte()).isLessThan(magnitude.get(i).bitsPerByte());
        }
        assertThat(wanda.getFirst().bitsPerByte())
                .isLessThan(1.15 * magnitude.getFirst().bitsPerByte());
    }

    @Test
    void onlyALowRankThatLooksAtTheInputsIsOfUse() {
        assertThat(losses.of("svd:ratio=0.2").bitsPerByte())
                .isLessThan(losses.of("svd:ratio=0.2,weighted=false").bitsPerByte());
    }
}
