package parsimony.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import parsimony.core.autograd.Ops;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.Transformer;
import parsimony.core.train.FineTuner;
import parsimony.core.train.Tuning;

class AdapterBankTest {
    private static final int LENGTH = 4;

    private final Ops ops = new Ops(FineTunerContract.BACKEND);

    @Test
    void eachSequenceOfABatchUsesItsOwnAdapter(@TempDir Path folder) throws IOException {
        Transformer base = FineTunerContract.base();
        List<Path> folders = List.of(
                write(folder.resolve("lora"), new Lora(), 1),
                write(folder.resolve("ia3"), new Ia3(), 2),
                write(folder.resolve("adalora"), new AdaLora(), 3));
        Transformer bank = AdapterBank.attach(base, folders);
        int[] tokens = {1, 5, 9, 3, 1, 7, 7, 2, 1, 5, 9, 3, 1, 12, 4, 6, 1, 5, 9, 3};
        int[] adapters = {2, 0, -1, 1, 0};

        float[] together = bank.forward(
                        ForwardContext.batch(ops, tokens, LENGTH).withAdapters(adapters))
                .array();

        for (int i = 0; i < adapters.length; i++) {
            Transformer alone = adapters[i] < 0 ? base : FineTuner.attach(base, folders.get(adapters[i]));
            int[] text = Arrays.copyOfRange(tokens, i * LENGTH, (i + 1) * LENGTH);
            float[] expected =
                    alone.forward(ForwardContext.batch(ops, text, LENGTH)).array();
            assertThat(Arrays.copyOfRange(together, i * expected.length, (i + 1) * expected.length))
                    .as("sequence " + i)
                    .containsExactly(expected, Offset.offset(1e-6f));
        }
        assertThat(bank.forward(ForwardContext.batch(ops, tokens, LENGTH)).array())
                .as("without a choice it is the base")
                .containsExactly(
                        base.forward(ForwardContext.batch(ops, tokens, LENGTH)).array());
    }

    @Test
    void learnedPrefixesAreRefused(@TempDir Path folder) throws IOException {
        List<Path> folders = new ArrayList<>();
        folders.add(write(folder.resolve("prompt"), new PromptTuning(), 1));
        assertThatThrownBy(() -> AdapterBank.attach(FineTunerContract.base(), folders))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("prompt");
    }

    private static <O extends Record> Path write(Path folder, FineTuner<O> tuner, long seed) throws IOException {
        Tuning tuning = tuner.prepare(
                FineTunerContract.base(),
                tuner.defaults(),
                new FineTuner.Setup(FineTunerContract.BACKEND, FineTunerContract.training(10), seed));
        FineTunerContract.shake(tuning.parameters());
        tuning.adapter().orElseThrow().write(folder);
        return folder;
    }
}
