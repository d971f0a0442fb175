package parsimony.benchmarks.suite;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * What outlier features do to quantization and who copes, on a copy of the embedded model that has them: {@code planted-outliers} makes channels of each norm
 * 50 times larger. Bits per byte lost, as {@code compare} measures them on 64 kB with 64 windows of calibration:
 *
 * <table>
 * <caption>one channel of each norm</caption>
 * <tr><th></th><th>plain</th><th>planted</th></tr>
 * <tr><td>inputs and weights of 8 bits, one scale a tensor</td><td></td><td>535 %</td></tr>
 * <tr><td>SmoothQuant on the same</td><td>1.3 %</td><td>1.3 %</td></tr>
 * <tr><td>LLM.int8() without outliers, one scale a token</td><td>0.0 %</td><td>34.7 %</td></tr>
 * <tr><td>LLM.int8()</td><td>0.0 %</td><td>0.0 %</td></tr>
 * <tr><td>rounding weights to 4 bits in groups of 32</td><td>0.5 %</td><td>of four channels 72.5 %</td></tr>
 * <tr><td>AWQ, the same grid</td><td>0.4 %</td><td>of four channels 0.5 %</td></tr>
 * </table>
 *
 * <p>Rounding weights alone loses the planted inputs and no more: their columns, 50 times smaller than their neighbours in a group, become zero at 4 bits, which
 * costs as much as these inputs are worth. So that is shown with four channels.
 */
@Tag("slow")
class OutlierQualityTest {
    private static Losses losses;

    @BeforeAll
    static void open() throws IOException {
        losses = new Losses(40_000, 16);
    }

    @AfterAll
    static void close() {
        losses.close();
    }

    private static double planted(String options, String technique) {
        return losses.of("planted-outliers" + options + "+" + technique).bitsPerByte();
    }

    private static double plain(String technique) {
        return losses.of(technique).bitsPerByte();
    }

    @Test
    void inputsThatShareAScaleCollapseAndSmoothingRecovers() {
        String naive = "smoothquant:alpha=none,level=o3,weights=tensor";
        assertThat(plain(naive)).isLessThan(0.015);
        assertThat(planted("", naive)).isGreaterThan(2);
        assertThat(planted("", "smoothquant:level=o3,weights=tensor")).isLessThan(0.02);
        assertThat(planted("", "smoothquant:level=o2,weights=tensor")).isLessThan(0.02);
        assertThat(planted("", "smoothquant")).isLessThan(0.005);
    }

    @Test
    void aScaleForEachTokenDoesNotSaveItFromOutliersButTakingThemOutDoes() {
        assertThat(plain("llm-int8:threshold=inf")).isLessThan(0.005);
        assertThat(planted("", "llm-int8:threshold=inf")).isGreaterThan(0.2);
        assertThat(planted("", "llm-int8")).isLessThan(0.005);
    }

    @Test
    void roundingWeightsLosesTheInputsThatMatterAndScalingKeepsThem() {
        double rounding = planted(":channels=4", "rtn:bits=4,group=32");
        assertThat(plain("rtn:bits=4,group=32")).isLessThan(0.01);
        assertThat(rounding).isGreaterThan(0.3);
        assertThat(planted(":channels=4", "awq:bits=4,group=32")).isLessThan(0.1 * rounding);
    }
}
