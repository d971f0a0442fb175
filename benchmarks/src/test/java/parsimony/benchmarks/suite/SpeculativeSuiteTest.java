package parsimony.benchmarks.suite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import parsimony.benchmarks.suite.SpeculativeSuite.Passes;
import parsimony.core.model.DecodingStrategy.Origin;

class SpeculativeSuiteTest {
    @Test
    void formulaIsTheSumOfItsSeries() {
        // 1 + α + α² + α³
        assertThat(SpeculativeSuite.expected(0.5, 3)).isEqualTo(1.875, within(1e-12));
        assertThat(SpeculativeSuite.expected(1, 3)).isEqualTo(4);
        assertThat(SpeculativeSuite.expected(0, 3)).isEqualTo(1);
    }

    @Test
    void breaksEvenWhereTokensAndCostMeet() {
        assertThat(SpeculativeSuite.breakEven(3, 1.875)).isEqualTo(0.5, within(1e-9));
        assertThat(SpeculativeSuite.breakEven(3, 4.1)).isNaN();
    }

    @Test
    void countsWhatIsJudgedPassByPass() {
        Passes passes = new Passes("", "");
        Passes.Heard heard = passes.new Heard();
        heard.token(1, Origin.MODEL);
        heard.token(2, Origin.DRAFT);
        heard.token(3, Origin.DRAFT);
        heard.rejected(9);
        heard.token(4, Origin.CORRECTION);
        heard.token(5, Origin.DRAFT);
        heard.token(6, Origin.MODEL);
        heard.rejected(9);
        heard.token(7, Origin.CORRECTION);
        assertThat(passes.accepted).containsExactly(2, 1, 0);
        assertThat(passes.rejected).containsExactly(true, false, true);
        assertThat(passes.judged()).isEqualTo(5);
    }
}
