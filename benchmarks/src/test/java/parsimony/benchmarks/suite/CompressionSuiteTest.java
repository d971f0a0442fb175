package parsimony.benchmarks.suite;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import parsimony.benchmarks.result.Result;
import parsimony.benchmarks.result.Result.Row;
import parsimony.benchmarks.result.SampleResult;

class CompressionSuiteTest {
    private static final Row DENSE = SampleResult.row("dense:type=f32", "dense", "", 32, 0, 1, 1);

    @Test
    void namesTheSmallestModelThatStaysClose() {
        Result finding = SampleResult.compression();
        assertThat(finding.headline()).isEqualTo("4.4 times smaller, 0.8 % more bits per byte");
        assertThat(finding.finding())
                .isEqualTo("The smallest of 6 models within 1 % of the dense one's 1.040 bits per byte is"
                        + " `gptq:bits=4,group=32`: 5.7 MB instead of 25.2 MB on disk, 0.8 % more bits per byte,"
                        + " decoding at 2.83× the dense speed.");
    }

    @Test
    void countsOneModelAsOne() {
        assertThat(finding(DENSE, row(4, 0.001), row(2, 0.5)).finding())
                .startsWith("The only smaller model within 1 % of the dense one's 1.040 bits per byte is `rtn:4.0`: ");
    }

    @Test
    void saysSoIfNoneStaysClose() {
        Result finding = finding(DENSE, row(3, 0.2), row(4, 0.1), row(2, Double.NaN));
        assertThat(finding.headline()).isEqualTo("None stays within 1 % of the dense model");
        assertThat(finding.finding())
                .endsWith("the closest, `rtn:4.0`, is 4.9 times smaller on disk and needs 9.6 % more bits per byte.");
    }

    @Test
    void callsAGainAGainAndNoChangeNoChange() {
        assertThat(finding(DENSE, row(8, -0.02)).headline()).endsWith("times smaller, 1.9 % fewer bits per byte");
        assertThat(finding(DENSE, row(8, 0.0001)).headline()).endsWith("times smaller, the same bits per byte");
    }

    @Test
    void claimsNothingOfTheDenseModelAlone() {
        assertThat(finding(DENSE).finding())
                .isEqualTo("The dense model needs 1.040 bits per byte of sample of commons-lang3 3.20.0 and 25.2 MB"
                        + " on disk;"
                        + " nothing smaller was measured.");
    }

    private static Result finding(Row... rows) {
        return SampleResult.compression(List.of(rows));
    }

    private static Row row(double bitsPerWeight, double change) {
        return SampleResult.row("rtn:" + bitsPerWeight, "rtn", "", bitsPerWeight, change, 1, 1);
    }
}
