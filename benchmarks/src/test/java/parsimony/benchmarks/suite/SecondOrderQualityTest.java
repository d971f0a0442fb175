package parsimony.benchmarks.suite;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import parsimony.benchmarks.suite.Losses.Loss;

/**
 * Which quantization of weights loses less, on the embedded model and text that no model was trained on. Bits per byte are what counts, but on a text of this
 * size their small differences are noise: where that decides, the divergence from the dense model's predictions is compared, whose relative noise is about half of that.
 */
@Tag("slow")
class SecondOrderQualityTest {
    private static Losses losses;

    @BeforeAll
    static void open() throws IOException {
        losses = new Losses(100_000, 64);
    }

    @AfterAll
    static void close() {
        losses.close();
    }

    /**
     * The aim was 60 % of what rounding loses. The defaults reach 65 ± 3 % in bits per byte and 62 % in divergence, and 50 to 66 % on other draws of the
     * calibration text; twice as many windows change nothing. The order of activations on grids fitted beforehand, which costs no bits and which the authors
     * recommend for Llama, reaches 60 ± 5 % and 55 %. Blocks of a group's size (62 and 60 %) and a damping of 0.1 (58 and 59 %) help too.
     */
    @Test
    void gptqLosesFarLessThanRounding() {
        Loss rounding = losses.of("rtn:bits=3,group=32");
        Loss gptq = losses.of("gptq:bits=3,group=32");
        Loss ordered = losses.of("gptq:bits=3,group=32,actOrder=true,staticGroups=true");
        assertThat(gptq.bitsPerByte()).isLessThan(0.7 * rounding.bitsPerByte());
        assertThat(gptq.divergence()).isLessThan(0.65 * rounding.divergence());
        assertThat(ordered.divergence()).isLessThan(0.6 * rounding.divergence());
        assertThat(ordered.bits()).isEqualTo(rounding.bits());
    }

    /**
     * At 4 bits AWQ loses 0.18 % and rounding 0.33 % (40 kB, 16 windows). At 3 bits it comes out at 2.20 % where rounding has 2.04 %, 1.08 ± 0.06 times as much,
     * on one draw of the calibration text; in divergence, 0.0338 against 0.0368, it is ahead there too.
     */
    @Test
    void scalingByActivationsLosesLessThanRounding() {
        Loss rounding = losses.of("rtn:bits=4,group=32");
        Loss awq = losses.of("awq:bits=4,group=32");
        assertThat(awq.bitsPerByte()).isLessThan(rounding.bitsPerByte());
        assertThat(awq.divergence()).isLessThan(rounding.divergence());
        assertThat(losses.of("awq:bits=3,group=32").divergence())
                .isLessThan(losses.of("rtn:bits=3,group=32").divergence());
    }

    /** At equal bits: whole rows, for groups of 32 take half a bit more. */
    @Test
    void atTwoBitsIncoherenceIsWorthMuch() {
        Loss quip = losses.of("quip");
        Loss gptq = losses.of("gptq:bits=2");
        assertThat(quip.bitsPerByte()).isLessThan(0.7 * gptq.bitsPerByte());
        assertThat(quip.bits()).isLessThan(gptq.bits());
    }

    @Test
    void outliersPayOff() {
        assertThat(losses.of("spqr").bitsPerByte()).isLessThan(0.01);
        Loss spqr = losses.of("spqr:bits=3");
        Loss gptq = losses.of("gptq:bits=3,group=14");
        assertThat(spqr.bits()).isLessThanOrEqualTo(gptq.bits());
        assertThat(spqr.bitsPerByte()).isLessThan(gptq.bitsPerByte());
    }
}
