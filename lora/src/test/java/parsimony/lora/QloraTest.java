package parsimony.lora;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import parsimony.core.model.Linear;
import parsimony.core.model.Transformer;
import parsimony.core.tensor.Codebook;
import parsimony.core.tensor.CodebookStorage;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.train.FineTuner;
import parsimony.core.train.Tuning;
import tools.jackson.databind.JsonNode;

class QloraTest extends FineTunerContract<Qlora.Options> {
    @Override
    protected FineTuner<Qlora.Options> technique() {
        return new Qlora();
    }

    @Override
    protected Qlora.Options options() {
        return new Qlora.Options(2, 4, 0, Targets.parse("all"), Codebook.NF4, 64, true);
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("rank=0", "block=3", "codebook=none");
    }

    @Override
    protected float[] expectedOfAttached(Tuning tuning) {
        // The file knows nothing of the base's bits: on the same base in full precision it gives what LoRA would.
        Transformer base = base();
        for (int i = 0; i < base.linears().size(); i++) {
            base.linears().get(i).setAdapter(tuning.model().linears().get(i).adapter());
        }
        return logits(base);
    }

    @Test
    void keepsTheBaseInFourBits() {
        Tuning tuning = prepare(2);
        for (Linear linear : tuning.model().linears()) {
            assertThat(linear.weight()).isInstanceOf(CodebookStorage.class);
            assertThat(linear.weight().bitsPerWeight()).isBetween(4.0, 4.7);
        }
    }

    @ParameterizedTest
    @CsvSource({"NF4, packed, dequant", "FP4, fp4_packed, fp4_dequant"})
    void codesAreTheOfficialOnes(Codebook codebook, String codes, String decoded) {
        JsonNode official = Official.NUMBERS.get("nf4");
        CodebookStorage storage = CodebookStorage.of(values(official), codebook, 64, false);
        assertThat(storage.codes().toArray(ValueLayout.JAVA_BYTE)).containsExactly(bytes(official.get(codes)));
        assertThat(storage.decode().array()).containsExactly(Official.floats(official.get(decoded)));
        float[] magnitudes = Official.floats(official.get("absmax"));
        for (int block = 0; block < magnitudes.length && codebook == Codebook.NF4; block++) {
            assertThat(storage.magnitude(block)).isEqualTo(magnitudes[block]);
        }
    }

    @Test
    void doubleQuantizationIsTheOfficialOne() {
        JsonNode official = Official.NUMBERS.get("nf4");
        CodebookStorage storage = CodebookStorage.of(values(official), Codebook.NF4, 64, true);
        assertThat(storage.magnitudes().toArray(ValueLayout.JAVA_BYTE))
                .containsExactly(bytes(official.get("dq_absmax_q8")));
        assertThat(storage.nested())
                .containsExactly((float) official.get("dq_absmax2").get(0).doubleValue(), (float)
                        official.get("dq_offset").doubleValue());
        assertThat(storage.decode().array()).containsExactly(Official.floats(official.get("dq_dequant")));
    }

    private static TensorStorage values(JsonNode official) {
        return new TensorStorage(Tensor.of(Official.floats(official.get("values")), 64, 64));
    }

    private static byte[] bytes(JsonNode array) {
        byte[] bytes = new byte[array.size()];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) array.get(i).asInt();
        }
        return bytes;
    }
}
