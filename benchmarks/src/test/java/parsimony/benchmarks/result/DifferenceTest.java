package parsimony.benchmarks.result;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import parsimony.benchmarks.result.Difference.Verdict;
import parsimony.benchmarks.result.Result.Column;
import parsimony.benchmarks.result.Result.Row;

class DifferenceTest {
    private static final Row DENSE = SampleResult.row("dense:type=f32", "dense", "", 32, 0, 1, 1);
    private static final Row RTN = SampleResult.row("rtn:bits=4", "rtn", "", 4, 0.05, 1.5, 2.5);

    @Test
    void aResultIsTheSameAsItself() {
        for (Result result : List.of(SampleResult.compression(), SampleResult.attention(), SampleResult.benchmark())) {
            Difference difference = new Difference(result, result);
            assertThat(difference.count(Verdict.SAME)).isPositive();
            assertThat(difference.count(Verdict.BETTER) + difference.count(Verdict.WORSE))
                    .isZero();
            assertThat(difference.added()).isEmpty();
            assertThat(difference.gone()).isEmpty();
        }
    }

    @Test
    void whatIsExactDiffersAtOnceAndWhatIsMeasuredBeyondItsNoise() {
        // The two rows' own noise of 0.03 makes 0.042.
        Map<String, Verdict> slightly = verdicts(Map.of("bitsPerByte", 1.0899, "decodeRatio", 2.54));
        assertThat(slightly).containsEntry("bitsPerByte", Verdict.BETTER).containsEntry("decodeRatio", Verdict.SAME);
        assertThat(verdicts(Map.of("decodeRatio", 2.56))).containsEntry("decodeRatio", Verdict.BETTER);
        assertThat(verdicts(Map.of("decodeRatio", 2.44))).containsEntry("decodeRatio", Verdict.WORSE);
        assertThat(verdicts(Map.of("diskBytes", 6e6))).containsEntry("diskBytes", Verdict.WORSE);
        assertThat(verdicts(Map.of("peakBytes", RTN.value("peakBytes") * 1.1)))
                .as("how much memory is held is looked at now and then")
                .containsEntry("peakBytes", Verdict.SAME);
        assertThat(verdicts(Map.of("applySeconds", 100.0)))
                .as("measured once, so nothing is known of its noise")
                .containsEntry("applySeconds", Verdict.SAME);
    }

    @Test
    void numbersThatAreMissingHaveNoVerdict() {
        assertThat(verdicts(Map.of("bitsPerByte", Double.NaN))).doesNotContainKey("bitsPerByte");
    }

    @Test
    void rowsAreKnownByNameByWordsAndByThePlaceOnALine() {
        Result lines = SampleResult.attention();
        Row last = lines.rows().getLast();
        assertThat(new Difference(lines, lines).before(last)).contains(last);
        Result bars = SampleResult.benchmark();
        assertThat(new Difference(bars, bars).before(bars.rows().get(2)))
                .contains(bars.rows().get(2));
    }

    @Test
    void tellsWhatIsNewAndWhatIsGone() {
        Difference difference = new Difference(
                SampleResult.compression(List.of(DENSE, RTN)),
                SampleResult.compression(List.of(DENSE, SampleResult.row("awq", "awq", "", 4, 0.04, 1.5, 2.5))));
        assertThat(difference.added()).extracting(Row::name).containsExactly("rtn:bits=4");
        assertThat(difference.gone()).extracting(Row::name).containsExactly("awq");
        assertThat(difference.summary()).contains("none better and none worse", "Rows that are new: 1.");
    }

    @Test
    void refusesResultsOfTwoSuites() {
        assertThatThrownBy(() -> new Difference(SampleResult.compression(), SampleResult.attention()))
                .hasMessage("results of compression cannot be compared with those of attention");
    }

    /** What has become of a row whose numbers were other ones. */
    private static Map<String, Verdict> verdicts(Map<String, Double> changed) {
        Map<String, Double> values = new HashMap<>(RTN.values());
        values.putAll(changed);
        Row row = new Row(RTN.name(), RTN.series(), RTN.paper(), RTN.words(), values, RTN.noise());
        Result now = SampleResult.compression(List.of(DENSE, row));
        Difference difference = new Difference(now, SampleResult.compression(List.of(DENSE, RTN)));
        Map<String, Verdict> verdicts = new HashMap<>();
        for (Column column : now.columns()) {
            difference.verdict(row, column).ifPresent(verdict -> verdicts.put(column.key(), verdict));
        }
        return verdicts;
    }
}
