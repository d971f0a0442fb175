package parsimony.quantization;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import parsimony.core.technique.MatrixTrial;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueSpec;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.GridStorage;
import parsimony.core.tensor.SparseStorage;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.WeightStorage;

class GptqTest extends OfficialWeightsContract<Gptq.Options> {
    @Override
    protected Technique<Gptq.Options> technique() {
        return new Gptq();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("bits=1", "bits=9", "group=0", "blockSize=0", "damping=-0.1", "damping=inf");
    }

    @Override
    List<String> varied() {
        return List.of("bits", "group", "symmetric", "actOrder", "staticGroups", "mse");
    }

    /** So that a GGUF file holds exactly the numbers that errors were made good for. */
    @ParameterizedTest
    @ValueSource(ints = {4, 8})
    void roundsScalesInsideItsLoop(int bits) {
        String spec = "gptq:group=32,symmetric=true,bits=" + bits;
        GridStorage result = (GridStorage) Official.run(spec, Official.inputs(), exact.withScaleType(DataType.F16))
                .result();
        assertThat(result.symmetric()).isTrue();
        assertThat(result.groupSize()).isEqualTo(32);
        assertThat(result.scaleType()).isEqualTo(DataType.F16);
        // With the rounded scales fixed from the start, the same codes come out: no other scale was ever used.
        GridStorage fixed = (GridStorage)
                Official.run(spec + ",staticGroups=true", Official.inputs(), exact.withScaleType(DataType.F16))
                        .result();
        byte[] codes = new byte[64];
        byte[] fixedCodes = new byte[64];
        for (int row = 0; row < 48; row++) {
            result.readCodes(row, codes, 0);
            fixed.readCodes(row, fixedCodes, 0);
            if (result.scale(row, 1) == fixed.scale(row, 1)) {
                assertThat(fixedCodes).containsExactly(codes);
            }
            assertThat(Arrays.copyOf(fixedCodes, 32)).containsExactly(Arrays.copyOf(codes, 32));
        }
    }

    @Test
    void groupsOfAnOrderCostThatOrder() {
        double plain = Official.run("gptq:group=16", Official.inputs(), exact).bitsPerWeight();
        assertThat(Official.run("gptq:group=16,actOrder=true", Official.inputs(), exact)
                        .bitsPerWeight())
                .isEqualTo(plain + 16.0 / 48);
        assertThat(Official.run("gptq:group=16,actOrder=true,staticGroups=true", Official.inputs(), exact)
                        .bitsPerWeight())
                .isEqualTo(plain);
    }

    @Test
    void blocksChangeNothingWhereGridsAreFixed() {
        float[] whole = Official.run("gptq:bits=3,blockSize=64", Official.inputs(), exact)
                .result()
                .decode()
                .array();
        float[] blocks = Official.run("gptq:bits=3,blockSize=5", Official.inputs(), exact)
                .result()
                .decode()
                .array();
        assertThat(blocks).containsExactly(whole);
    }

    /** What was pruned before stays so, and the weights around it make good the rounding of the others. */
    @Test
    void keepsWhatWasPruned() {
        Tensor pruned = Official.weights();
        for (int i = 0; i < pruned.size(); i++) {
            pruned.array()[i] *= i % 4 < 2 ? 0 : 1;
        }
        BitSet zeros = new BitSet();
        IntStream.range(0, pruned.size()).filter(i -> i % 4 < 2).forEach(zeros::set);
        for (String options : List.of("group=16", "group=16,actOrder=true", "group=-1,symmetric=true")) {
            WeightStorage storage = SparseStorage.of(DataType.F32, pruned);
            MatrixTrial gptq = trial("gptq:bits=4," + options, storage);
            MatrixTrial rounded = trial("rtn:bits=4," + options.replace(",actOrder=true", ""), storage);
            assertThat(gptq.error()).as(options).isLessThan(0.7 * rounded.error());
            float[] weights = gptq.result().decode().array();
            assertThat(zeros.stream().filter(i -> weights[i] != 0)).as(options).isEmpty();
        }
    }

    private MatrixTrial trial(String spec, WeightStorage weights) {
        return MatrixTrial.run(TechniqueSpec.parse(spec), "weight", weights, Official.inputs(), exact);
    }
}
